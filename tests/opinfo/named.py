"""Which operations symgrad promises: one explicit list, by group, under PyTorch's names.

A name stands for every entry of PyTorch's `op_db` with that name (all variants), for the programs of
`extra.py` with that name, or both. `linalg.X` and `nn.functional.X` are dotted as in PyTorch. An alias
(`arccos`) is not listed: `op_db` names it with its operation, and it must give the same results.
"""

from __future__ import annotations

GROUPS: dict[str, str] = {
    "creation": """
        empty zeros ones full eye arange linspace logspace tensor as_tensor from_numpy empty_like
        zeros_like ones_like full_like rand randn randint randperm normal rand_like randn_like
        randint_like multinomial bernoulli uniform manual_seed Generator rng_state FloatTensor""",
    "dtypes": """
        bool byte char short int long half bfloat16 float double cfloat cdouble to type
        result_type dtype_names promotion""",
    "pointwise": """
        add sub mul div true_divide floor_divide pow sqrt rsqrt square exp exp2 expm1 log log2
        log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc erfinv
        lgamma digamma sigmoid logit round floor ceil trunc frac sign abs neg reciprocal fmod
        remainder atan2 hypot lerp addcmul addcdiv maximum minimum fmax fmin where clamp
        nan_to_num isnan isinf isfinite isclose allclose equal heaviside logaddexp __radd__
        __rdiv__ __rmul__ __rmod__ __rpow__ __rsub__ __rmatmul__""",
    "comparison": "eq ne lt le gt ge logical_and logical_or logical_xor logical_not operators",
    "bitwise": """
        bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift
        __rand__ __ror__ __rxor__ shifts""",
    "complex": "real imag conj angle",
    "in-place": "zero_ fill copy_ t_ normal_ uniform_ clamp_ logical_not_ inplace_operators out",
    "indexing": """
        __getitem__ setitem select narrow index_select gather scatter scatter_add take
        take_along_dim masked_select masked_fill index_add index_copy index_put nonzero put""",
    "shape": """
        reshape view flatten unflatten ravel squeeze unsqueeze transpose t T mT permute movedim
        expand expand_as repeat repeat_interleave tile cat stack hstack vstack split
        split_with_sizes chunk tensor_split unbind flip fliplr roll rot90 tril triu diag diagonal
        diag_embed meshgrid broadcast_to broadcast_tensors nn.functional.pad unfold contiguous
        clone""",
    "reductions": """
        sum prod mean std var max min amax amin argmax argmin median mode quantile cumsum cumprod
        cummax logsumexp norm all any count_nonzero sort argsort topk kthvalue unique bincount
        histc histogram searchsorted bucketize""",
    "linear algebra": """
        dot mv mm bmm matmul addmm addmv addr addbmm baddbmm outer einsum tensordot kron trace
        pinverse cholesky qr svd eig lstsq triangular_solve matmul_operator linalg.det
        linalg.slogdet linalg.inv linalg.pinv linalg.solve linalg.cholesky linalg.qr linalg.svd
        linalg.svdvals linalg.eig linalg.eigvals linalg.eigh linalg.eigvalsh linalg.lstsq
        linalg.matrix_power linalg.matrix_norm linalg.vector_norm linalg.norm
        linalg.solve_triangular""",
    "neural networks": """
        softmax nn.functional.softmin nn.functional.cross_entropy nn.functional.normalize
        nn.functional.cosine_similarity nn.functional.adaptive_avg_pool1d
        nn.functional.adaptive_avg_pool2d nn.functional.adaptive_avg_pool3d
        nn.functional.adaptive_max_pool1d nn.functional.adaptive_max_pool2d
        nn.functional.adaptive_max_pool3d nn.functional.avg_pool1d nn.functional.avg_pool3d
        nn.functional.binary_cross_entropy_with_logits nn.functional.relu
        nn.functional.conv_transpose1d nn.functional.conv_transpose2d
        nn.functional.conv_transpose3d nn.functional.conv1d nn.functional.conv2d
        nn.functional.conv3d nn.functional.group_norm nn.functional.instance_norm
        nn.functional.layer_norm nn.functional.rms_norm nn.functional.local_response_norm
        nn.functional.hardswish nn.functional.unfold nn.functional.interpolate
        nn.functional.upsample_bilinear nn.functional.soft_margin_loss
        nn.functional.upsample_nearest nn.functional.margin_ranking_loss
        nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss
        nn.functional.leaky_relu nn.functional.multilabel_soft_margin_loss
        nn.functional.avg_pool2d nn.functional.max_pool1d nn.functional.max_pool2d
        nn.functional.max_pool3d nn.functional.max_unpool1d nn.functional.max_unpool2d
        nn.functional.max_unpool3d nn.functional.linear nn.functional.bilinear
        nn.functional.glu nn.functional.elu nn.functional.prelu nn.functional.celu
        nn.functional.rrelu nn.functional.selu nn.functional.scaled_dot_product_attention
        nn.functional.silu nn.functional.hardsigmoid nn.functional.logsigmoid
        nn.functional.mish nn.functional.softsign nn.functional.tanhshrink
        nn.functional.threshold nn.functional.triplet_margin_loss
        nn.functional.triplet_margin_with_distance_loss nn.functional.batch_norm
        nn.functional.binary_cross_entropy nn.functional.softshrink nn.functional.hardshrink
        nn.functional.hardtanh nn.functional.gelu nn.functional.relu6
        nn.functional.smooth_l1_loss nn.functional.l1_loss log_softmax nn.functional.dropout
        nn.functional.dropout2d nn.functional.dropout3d nn.functional.alpha_dropout
        nn.functional.feature_alpha_dropout nn.functional.one_hot nn.functional.embedding
        nn.functional.embedding_bag nn.functional.softplus nn.functional.mse_loss
        nn.functional.ctc_loss nn.functional.cosine_embedding_loss nn.functional.nll_loss
        nn.functional.gaussian_nll_loss nn.functional.hinge_embedding_loss
        nn.functional.huber_loss nn.functional.poisson_nll_loss
        nn.functional.pairwise_distance nn.functional.pixel_shuffle
        nn.functional.pixel_unshuffle nn.functional.channel_shuffle nn.functional.kl_div""",
    "conversion": """
        item numpy array_protocol dlpack tolist size numel dim stride storage_offset is_contiguous
        data_ptr repr set_printoptions pickle deepcopy Variable""",
}
"""By section of the manual; a name in two groups would be an error (a test says so)."""

NAMES: tuple[str, ...] = tuple(name for text in GROUPS.values() for name in text.split())

RANDOM = frozenset(
    "rand randn randint randperm normal rand_like randn_like randint_like multinomial bernoulli uniform "
    "normal_ uniform_ nn.functional.rrelu nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d "
    "nn.functional.alpha_dropout nn.functional.feature_alpha_dropout".split()
)
"""The numbers are symgrad's own (Philox): only shape, dtype and whether it requires grad are compared."""

DROPS = frozenset(name for name in RANDOM if name.startswith("nn.functional."))
"""Their gradients hang on the numbers drawn as well: none are compared."""

CHOOSES = {"sort": 0, "argsort": 0, "topk": 1, "kthvalue": 1, "mode": 0, "median": 0}
"""Which of equal elements they choose is not promised, unless `stable`; and where their `dim` is given."""

UNINITIALISED = frozenset("empty empty_like".split())
"""What the memory holds is not defined: only shape and dtype are compared."""


def group_of(name: str) -> str:
    """The group a name is listed under."""
    return next(group for group, text in GROUPS.items() if name in text.split())
