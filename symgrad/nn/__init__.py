"""Neural networks: modules, layers, losses, starting values."""

from symgrad.nn import functional as functional
from symgrad.nn import init as init
from symgrad.nn import parameter as parameter
from symgrad.nn import utils as utils
from symgrad.nn.adaptive_pooling import *  # noqa: F403
from symgrad.nn.attention import *  # noqa: F403
from symgrad.nn.batch_norm import *  # noqa: F403
from symgrad.nn.class_loss import *  # noqa: F403
from symgrad.nn.container import *  # noqa: F403
from symgrad.nn.conv import *  # noqa: F403
from symgrad.nn.directions import *  # noqa: F403
from symgrad.nn.dropout import *  # noqa: F403
from symgrad.nn.embedding import *  # noqa: F403
from symgrad.nn.layer_norm import *  # noqa: F403
from symgrad.nn.lazy import *  # noqa: F403
from symgrad.nn.likelihood_loss import *  # noqa: F403
from symgrad.nn.linear import *  # noqa: F403
from symgrad.nn.loss import *  # noqa: F403
from symgrad.nn.margin_loss import *  # noqa: F403
from symgrad.nn.module import Module as Module
from symgrad.nn.padding import *  # noqa: F403
from symgrad.nn.parameter import Buffer as Buffer
from symgrad.nn.parameter import Parameter as Parameter
from symgrad.nn.parameter import UninitializedParameter as UninitializedParameter
from symgrad.nn.parameter_container import *  # noqa: F403
from symgrad.nn.pooling import *  # noqa: F403
from symgrad.nn.rearranging import *  # noqa: F403
from symgrad.nn.rectifiers import *  # noqa: F403
from symgrad.nn.recurrent import *  # noqa: F403
from symgrad.nn.recurrent_cells import *  # noqa: F403
from symgrad.nn.resampling import *  # noqa: F403
from symgrad.nn.shrinks import *  # noqa: F403
from symgrad.nn.sigmoidal import *  # noqa: F403
from symgrad.nn.softmax import *  # noqa: F403
from symgrad.nn.transformer import *  # noqa: F403
