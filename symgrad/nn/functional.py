"""`nn.functional`, usually called F: what layers and losses compute, gathered from `nn/functions/`."""

from symgrad.nn.functions.affine import *  # noqa: F403
from symgrad.nn.functions.attention import *  # noqa: F403
from symgrad.nn.functions.batch_norm import *  # noqa: F403
from symgrad.nn.functions.class_losses import *  # noqa: F403
from symgrad.nn.functions.convolution import *  # noqa: F403
from symgrad.nn.functions.ctc import *  # noqa: F403
from symgrad.nn.functions.directions import *  # noqa: F403
from symgrad.nn.functions.distances import *  # noqa: F403
from symgrad.nn.functions.dropout import *  # noqa: F403
from symgrad.nn.functions.embedding import *  # noqa: F403
from symgrad.nn.functions.label_losses import *  # noqa: F403
from symgrad.nn.functions.layer_norm import *  # noqa: F403
from symgrad.nn.functions.likelihoods import *  # noqa: F403
from symgrad.nn.functions.margins import *  # noqa: F403
from symgrad.nn.functions.max_pooling import *  # noqa: F403
from symgrad.nn.functions.mean_pooling import *  # noqa: F403
from symgrad.nn.functions.rearranging import *  # noqa: F403
from symgrad.nn.functions.rectifiers import *  # noqa: F403
from symgrad.nn.functions.resampling import *  # noqa: F403
from symgrad.nn.functions.shrinks import *  # noqa: F403
from symgrad.nn.functions.sigmoidal import *  # noqa: F403
from symgrad.nn.functions.softmax import *  # noqa: F403
from symgrad.ops.padding import pad as pad
