"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .activations import (
    ACTIVATIONS as ACTIVATIONS,
)
from .diagram import (
    Diagram as Diagram,
)
from .initializers import (
    Filled as Filled,
    GlorotNormal as GlorotNormal,
    GlorotUniform as GlorotUniform,
    HeNormal as HeNormal,
    HeUniform as HeUniform,
    Initializer as Initializer,
    INITIALIZERS as INITIALIZERS,
    LeCunNormal as LeCunNormal,
    LeCunUniform as LeCunUniform,
    Normal as Normal,
    Orthogonal as Orthogonal,
    TruncatedNormal as TruncatedNormal,
    Uniform as Uniform,
    Zeros as Zeros,
)
from .joining import (
    joined as joined,
)
from .layers.activation import (
    Activation as Activation,
)
from .layers.attention import (
    MultiHeadAttention as MultiHeadAttention,
)
from .layers.averages import (
    MeanProbability as MeanProbability,
    WeightedMean as WeightedMean,
)
from .layers.columns import (
    Columns as Columns,
)
from .layers.constant_neuron import (
    ConstantNeuron as ConstantNeuron,
)
from .layers.convolution import (
    Conv1D as Conv1D,
    Conv2D as Conv2D,
)
from .layers.dense import (
    Dense as Dense,
)
from .layers.dropout import (
    Dropout as Dropout,
)
from .layers.embedding import (
    Embedding as Embedding,
    TokenEmbedding as TokenEmbedding,
)
from .layers.global_pooling import (
    GlobalAveragePool as GlobalAveragePool,
    GlobalMaxPool as GlobalMaxPool,
    LastStep as LastStep,
)
from .layers.joins import (
    Add as Add,
    Concatenate as Concatenate,
    Multiply as Multiply,
)
from .layers.layer import (
    Block as Block,
    Layer as Layer,
    LAYERS as LAYERS,
    UnaryLayer as UnaryLayer,
)
from .layers.masks import (
    LengthMask as LengthMask,
    PaddingMask as PaddingMask,
)
from .layers.noise import (
    GaussianNoise as GaussianNoise,
)
from .layers.normalisation import (
    BatchNorm as BatchNorm,
    LayerNorm as LayerNorm,
    LocalResponseNorm as LocalResponseNorm,
)
from .layers.pooling import (
    AveragePool1D as AveragePool1D,
    AveragePool2D as AveragePool2D,
    MaxPool1D as MaxPool1D,
    MaxPool2D as MaxPool2D,
)
from .layers.parametric_activation import (
    ParametricActivation as ParametricActivation,
)
from .layers.periodic_embedding import (
    PeriodicEmbedding as PeriodicEmbedding,
)
from .layers.positions import (
    PositionalEncoding as PositionalEncoding,
    PositionEmbedding as PositionEmbedding,
)
from .layers.prelu import (
    PReLU as PReLU,
)
from .layers.recurrent import (
    Bidirectional as Bidirectional,
    GRU as GRU,
    LSTM as LSTM,
    SimpleRNN as SimpleRNN,
)
from .layers.scale import (
    Scale as Scale,
)
from .layers.shapes import (
    Flatten as Flatten,
    Reshape as Reshape,
)
from .layers.transformer import (
    TransformerBlock as TransformerBlock,
)
from .network import (
    Network as Network,
)
from .node import (
    Input as Input,
    Node as Node,
)
from .perceptron import (
    Perceptron as Perceptron,
)
from .summary import (
    Summary as Summary,
)
from .trace import (
    Trace as Trace,
)
