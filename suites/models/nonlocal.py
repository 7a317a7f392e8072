"""TSM R50 1x1x8 with dot-product non-local blocks on Kinetics-400, as its ModelZoo guide deploys it."""

from tools.spec import Bins, MiniSpec, ModelSpec, Network, Preprocess, Sampling, Tensor

SPEC = ModelSpec(
    network=Network(
        name="nonlocal",
        config="recognition/tsm/tsm_imagenet-pretrained-r50-nl-dot-product_8xb16-1x1x8-50e_kinetics400-rgb.py",
        overrides=(("backbone.pretrained", None),),
        input=Tensor("video", (8, 3, 224, 224)),
        output=Tensor("class", (400,)),
        softmax=True,
        optional_surgery=("constant-shift",),
    ),
    sampling=Sampling(clip_len=1, interval=1, clips=8),
    preprocess=Preprocess(short_side=256, crop=224, mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375)),
    dataset="kinetics400",
    list_file="kinetics400_val_list_videos.txt",
    frames_folder="videos_val",
    clips=19796,
    list_format="videos",
    mini=MiniSpec(seed=20200724, test_clips=31, train_per_class=8, calibration_clips=12, calibration_batch=12, noise=12.0, travel=160.0,
                  residual_scale=0.3,
                  ridge=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03), top_probability=0.9, reference_top1_at_least=0.85),
    bins=Bins(info="k400.info"),
)
