"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .activations import (
    ACTIVATIONS as ACTIVATIONS,
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
from .layers import (
    Activation as Activation,
    Add as Add,
    AveragePool1D as AveragePool1D,
    AveragePool2D as AveragePool2D,
    BatchNorm as BatchNorm,
    Bidirectional as Bidirectional,
    Block as Block,
    Concatenate as Concatenate,
    ConstantNeuron as ConstantNeuron,
    Conv1D as Conv1D,
    Conv2D as Conv2D,
    Dense as Dense,
    Dropout as Dropout,
    Embedding as Embedding,
    Flatten as Flatten,
    GaussianNoise as GaussianNoise,
    GlobalAveragePool as GlobalAveragePool,
    GlobalMaxPool as GlobalMaxPool,
    GRU as GRU,
    LastStep as LastStep,
    Layer as Layer,
    LayerNorm as LayerNorm,
    LAYERS as LAYERS,
    LengthMask as LengthMask,
    LocalResponseNorm as LocalResponseNorm,
    LSTM as LSTM,
    MaxPool1D as MaxPool1D,
    MaxPool2D as MaxPool2D,
    MultiHeadAttention as MultiHeadAttention,
    Multiply as Multiply,
    PaddingMask as PaddingMask,
    PositionalEncoding as PositionalEncoding,
    PositionEmbedding as PositionEmbedding,
    PReLU as PReLU,
    Reshape as Reshape,
    SimpleRNN as SimpleRNN,
    TokenEmbedding as TokenEmbedding,
    TransformerBlock as TransformerBlock,
    UnaryLayer as UnaryLayer,
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
from .views import (
    Diagram as Diagram,
    Summary as Summary,
    Trace as Trace,
)
