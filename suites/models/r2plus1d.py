"""R(2+1)D R34 8x8x1 on UCF-101, as its ModelZoo guide deploys it: three crops, averaged outside the graph."""

from tools.spec import Atc, Bins, MiniSpec, ModelSpec, Network, Preprocess, Sampling, Tensor

SPEC = ModelSpec(
    network=Network(
        name="r2plus1d",
        config="recognition/r2plus1d/r2plus1d_r34_8xb8-8x8x1-180e_kinetics400-rgb.py",
        overrides=(),
        input=Tensor("video", (3, 3, 8, 256, 256)),
        # the guide fine-tunes on UCF-101's 101 classes and leaves the head at 400; checkpoints decide
        output=Tensor("class", (400,)),
        rows=3,
        softmax=False,
        atc=Atc(input_format="NCHW"),  # although its input has six axes
    ),
    sampling=Sampling(clip_len=8, interval=8, clips=1),
    preprocess=Preprocess(short_side=256, crop=256, mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375),
                          views="three", layout="NCTHW"),
    dataset="ucf101",
    list_file="ucf101_val_split_1_rawframes.txt",
    frames_folder="rawframes",
    clips=3783,
    list_format="rawframes",
    # waves and steps that the first layers' 7x7x3 kernels see; random ones further in tell little of motion
    mini=MiniSpec(seed=20200729, test_clips=19, train_per_class=6, calibration_clips=6, calibration_batch=6, noise=14.0, travel=32.0,
                  residual_scale=0.1, ridge=(0.01, 0.03, 0.1, 0.3, 1.0), top_probability=0.9, reference_top1_at_least=0.85, span=64,
                  wave=16.0, test_frames=(64, 90), train_frames=(57, 70)),
    bins=Bins(folder="predata_bts{batch}", info=None),
)
