"""TSM R50 1x1x8 on UCF-101, as its ModelZoo guide deploys it."""

from tools.spec import Atc, Bins, MiniSpec, ModelSpec, Network, Preprocess, Sampling, Tensor

SPEC = ModelSpec(
    network=Network(
        name="tsm",
        # mmaction2 1.x has no UCF-101 config; the Kinetics-400 one differs in the class count alone
        config="recognition/tsm/tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb.py",
        overrides=(("backbone.pretrained", None),),
        input=Tensor("video", (8, 3, 224, 224)),
        output=Tensor("class", (101,)),
        softmax=True,
        optional_surgery=("constant-shift",),
        atc=Atc(input_format="NCDHW", auto_tune="RL,GA"),
    ),
    sampling=Sampling(clip_len=1, interval=1, clips=8),
    preprocess=Preprocess(short_side=256, crop=224, mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375)),
    dataset="ucf101",
    list_file="ucf101_val_split_1_rawframes.txt",
    frames_folder="rawframes",
    clips=3783,
    list_format="rawframes",
    mini=MiniSpec(seed=20210630, test_clips=63, train_per_class=10, calibration_clips=12, noise=4.0, travel=160.0, residual_scale=0.3,
                  ridge=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03), top_probability=0.9, reference_top1_at_least=0.85),
    bins=Bins(info="ucf101.info"),
)
