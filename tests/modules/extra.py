"""Modules that PyTorch's table does not list: ((args, kwargs) to make one, shapes of the operands)."""

from __future__ import annotations

from typing import Any

import torch

Made = tuple[tuple[Any, ...], dict[str, Any]]

DROPPED: dict[str, list[tuple[Any, ...]]] = {
    "Dropout": [((2, 3),), ((),)], "Dropout1d": [((2, 3, 4),), ((3, 4),)], "Dropout2d": [((2, 3, 4, 5),), ((2, 3, 4),)],
    "Dropout3d": [((2, 3, 4, 5, 2),), ((3, 4, 5, 2),)], "AlphaDropout": [((2, 3),)],
    "FeatureAlphaDropout": [((2, 3, 4),), ((2, 3),)],
}  # fmt: skip
INDICES = torch.tensor([[0, 2, 2, 6], [5, 0, 1, 2]])

EXTRAS: dict[str, list[tuple[Made, tuple[Any, ...]]]] = {
    "Identity": [(((), {}), ((2, 3),)), (((54,), {"unused": 1}), ((),))],
    "Hardsigmoid": [(((), {}), ((2, 3),)), (((), {}), ((),))],
    "RReLU": [(((), {}), ((2, 3),)), (((0.1, 0.3), {"inplace": False}), ((4,),))],
    "CosineSimilarity": [(((), {}), ((2, 3), (2, 3))), (((), {"dim": -1, "eps": 0.5}), ((2, 1, 3), (4, 3)))],
    "PairwiseDistance": [(((), {}), ((2, 3), (2, 3))), (((1.0, 0.1, True), {}), ((2, 3), (1, 3)))],
    **{name: [((p, {}), shapes) for p in ((0.0,), (0.3,), (1.0,), (0.4, False)) for shapes in given]
       for name, given in DROPPED.items()},
    "Unflatten": [(((1, (2, 3)), {}), ((4, 6),)), (((-1, [3, 2]), {}), ((6,),))],
    "Embedding": [(((7, 3), {"padding_idx": p, "max_norm": m, "norm_type": n, "scale_grad_by_freq": f}), (INDICES,))
                  for p, m, n, f in ((None, None, 2.0, False), (2, None, 2.0, True), (-1, 0.5, 2.0, False),
                                     (None, 1.0, 1.0, True))],
    "EmbeddingBag": [(((7, 3), {"mode": mode, **given}), operands)
                     for mode in ("sum", "mean", "max") for given in ({}, {"padding_idx": 2}, {"max_norm": 0.7})
                     for operands in ((INDICES,), (INDICES.flatten(), torch.tensor([0, 3, 3])))]
    + [(((7, 3), {"include_last_offset": True}),
        (INDICES.flatten(), torch.tensor([0, 2, 8])))]
    + [(((7, 3), {"mode": "sum"}), (INDICES, None, (2, 4)))],
    "PixelShuffle": [(((3,), {}), ((1, 9, 4, 4),)), (((2,), {}), ((8, 2, 3),))],
    "PixelUnshuffle": [(((3,), {}), ((1, 1, 12, 12),)), (((2,), {}), ((2, 4, 6),))],
    "ChannelShuffle": [(((2,), {}), ((1, 4, 2, 2),)), (((3,), {}), ((2, 6, 5),))],
    "Unfold": [(((2,), {}), ((2, 3, 4, 4),)), ((((2, 3), (2, 1), (1, 2), (1, 2)), {}), ((2, 5, 6),))],
    "Fold": [(((3, 2), {}), ((2, 8, 4),)), ((((5, 6), (2, 3), (2, 1), (1, 2), (1, 2)), {}), ((12, 20),))],
    "Upsample": [(((), {"scale_factor": 2}), ((1, 2, 3, 4),)), (((5,), {"mode": "linear"}), ((1, 2, 3),)),
                 (((), {"scale_factor": (1.5, 2), "mode": "bilinear", "align_corners": True}), ((2, 1, 4, 5),)),
                 ((((3, 4, 5),), {"mode": "trilinear"}), ((1, 1, 2, 3, 4),)),
                 (((7,), {"mode": "bicubic"}), ((1, 2, 4, 5),)),
                 (((), {"scale_factor": 1.7, "mode": "nearest-exact"}), ((1, 2, 5),)),
                 (((), {"scale_factor": 0.6, "mode": "area", "recompute_scale_factor": True}), ((1, 2, 5, 7),))],
    "UpsamplingNearest2d": [(((), {"scale_factor": 3}), ((1, 2, 3, 4),)), ((((2, 5),), {}), ((1, 2, 3, 4),))],
    "UpsamplingBilinear2d": [(((), {"scale_factor": 2}), ((1, 2, 3, 4),)), ((((2, 5),), {}), ((1, 2, 3, 4),))],
    "MaxUnpool1d": [(((2,), {}), ((1, 2, 3), torch.tensor([[[0, 3, 4], [1, 2, 5]]])))],
    "MaxUnpool2d": [(((2, 2), {}), ((1, 1, 2, 1), torch.tensor([[[[1], [5]]]])))],
    "MaxUnpool3d": [((((1, 1, 2), 2), {}), ((1, 1, 1, 2), torch.tensor([[[[1, 3]]]])))],
    "TransformerDecoder": [(((torch.nn.TransformerDecoderLayer(4, 2, 8, 0.0, norm_first=first), 2), norm),
                            ((3, 2, 4), (5, 2, 4))) for first in (False, True)
                           for norm in ({}, {"norm": torch.nn.LayerNorm(4)})],
    "Flatten": [(((), {}), ((2, 3, 4),)), (((0, 1), {}), ((2, 3, 4),))],
    "TripletMarginLoss": [(((), how), ((4, 5), (4, 5), (4, 5))) for how in (
        {}, {"swap": True, "p": 1.0}, {"margin": 0.3, "reduction": "none"}, {"reduction": "sum", "eps": 0.1})]
        + [(((), {}), ((5,), (5,), (5,)))],
    "TripletMarginWithDistanceLoss": [(((), how), ((4, 5), (4, 5), (4, 5))) for how in (
        {}, {"swap": True}, {"margin": 0.3, "reduction": "none"}, {"reduction": "sum"})],
    "NLLLoss2d": [(((), {"reduction": "none"}), ((2, 3, 4, 5), torch.tensor([1, 2]).reshape(2, 1, 1).expand(2, 4, 5)))],
}
