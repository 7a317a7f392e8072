"""A TSM with which the harness runs through and through in seconds: ResNet-18 on four frames of 64 pixels."""

from tools.spec import MiniSpec, ModelSpec, Network, Preprocess, Sampling, Tensor

SPEC = ModelSpec(
    network=Network(
        name="tiny",
        config="recognition/tsm/tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb.py",
        overrides=(("backbone.pretrained", None), ("backbone.depth", 18), ("backbone.num_segments", 4), ("cls_head.in_channels", 512),
                   ("cls_head.num_segments", 4)),
        input=Tensor("video", (4, 3, 64, 64)),
        output=Tensor("class", (20,)),
        softmax=True,
        optional_surgery=("constant-shift",),
    ),
    sampling=Sampling(clip_len=1, interval=1, clips=4),
    preprocess=Preprocess(short_side=73, crop=64, mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375)),
    dataset="tinyset",
    list_file="val_rawframes.txt",
    frames_folder="rawframes",
    clips=23,
    list_format="rawframes",
    mini=MiniSpec(seed=7, test_clips=23, train_per_class=8, calibration_clips=12, noise=2.0, travel=80.0, residual_scale=0.3,
                  ridge=(0.0001, 0.001, 0.01), top_probability=0.9, reference_top1_at_least=0.3,
                  test_frames=(20, 30), train_frames=(12, 20)),
)
