"""BSN on ActivityNet-1.3, as its ModelZoo guide deploys it: TEM scores boundaries, PEM scores proposals."""

from tools.spec import LocaliserSpec, MiniVideos, Network, ProposalSpec, Tensor

SPEC = LocaliserSpec(
    name="bsn",
    tem=Network(
        name="tem",
        config="localization/bsn/bsn_tem_1xb16-400x100-20e_activitynet-feature.py",
        overrides=(),
        input=Tensor("video", (400, 100)),
        output=Tensor("output", (3, 100)),
        surgery=("conv1d-to-conv2d",),
    ),
    pem=Network(
        name="pem",
        config="localization/bsn/bsn_pem_1xb16-400x100-20e_activitynet-feature.py",
        overrides=(),
        input=Tensor("video_feature", (1000, 32)),
        output=Tensor("output", (1000, 1)),
    ),
    proposals=ProposalSpec(),
    dataset="activitynet",
    list_file="video_info_new.csv",
    annotations="anet_anno_action.json",
    features_folder="csv_mean_100",
    clips=4728,
    mini=MiniVideos(seed=20180608, test_videos=63, train_videos=128, actions=(4, 12), lengths=(0.02, 0.07), noise=0.1,
                    tem_epochs=6, pem_epochs=20, reference_gain_at_least=0.1, reference_ratio_at_least=1.5),
)
