"""Writes expected_layers.json: PyTorch's layers and their derivatives, in float64.

Run it with PyTorch installed: ``python tests/nn/make_expected_layers.py``. Inputs, parameters and
the derivatives that come from behind are fixed numbers, the sines of a sequence.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quickprop.nn import (
    GRU,
    LSTM,
    Add,
    AveragePool1D,
    AveragePool2D,
    BatchNorm,
    Bidirectional,
    Block,
    Concatenate,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    GlobalAveragePool,
    GlobalMaxPool,
    Input,
    LastStep,
    Layer,
    LayerNorm,
    LocalResponseNorm,
    MaxPool1D,
    MaxPool2D,
    MultiHeadAttention,
    Multiply,
    Network,
    ParametricActivation,
    PeriodicEmbedding,
    PositionalEncoding,
    PositionEmbedding,
    Scale,
    SimpleRNN,
    TokenEmbedding,
    TransformerBlock,
)

ROWS = 2
#: Steps of a layer that gathers, each with other rows.
STEPS = 3


@dataclass(frozen=True)
class Case:
    """A layer here and what it is there.

    Parameters
    ----------
    layer : Layer or Block
    there : callable
        From PyTorch's ``torch``, the sources (rows, ..., channels) and the parameters by name to
        the result.
    shapes : tuple of tuple of int
        Of a row of each source.
    codes : int
        Levels of the last source, if it holds codes.
    masked : bool
        Whether the last source is a mask: another number of steps is real in each row.
    scale : float
        Of the parameters. Through several layers numbers of the size of 1 grow, and with them what
        rounding leaves in single precision.
    """

    layer: Layer | Block
    there: Callable
    shapes: tuple[tuple[int, ...], ...]
    codes: int = 0
    masked: bool = False
    scale: float = 1.0


def numbers(shape, phase):
    """Sines, of which no two are equal."""
    count = int(np.prod(shape))
    return np.sin(np.arange(1, count + 1) * 1.37 + phase).reshape(shape)


def sources_of(case, rows=ROWS, phase=0.0):
    """One array for each source."""
    found = [numbers((rows, *shape), k + 0.1 + phase) for k, shape in enumerate(case.shapes)]
    if case.codes:
        found[-1] = (np.abs(found[-1]) * 1e3).astype(np.int32) % case.codes
    if case.masked:
        (steps,) = case.shapes[-1]
        lengths = 1 + (np.arange(rows) * 2 + 2) % steps
        found[-1] = (np.arange(steps) < lengths[:, None]).astype(float)
    return found


def parameters_of(shapes, scale=1.0):
    """A value for each parameter by its name; variances are positive."""
    found = {
        name: numbers(shape, 2.0 + k) * scale for k, (name, shape) in enumerate(shapes.items())
    }
    return {name: np.abs(v) + 0.1 if name == "variance" else v for name, v in found.items()}


def first(x):
    """Channels to the front, as PyTorch has them."""
    return x.movedim(-1, 1)


def last(x):
    """Channels to the end, as here."""
    return x.movedim(1, -1)


def convolved(axes, pad=None, **settings):
    """A convolution; `pad` puts zeros round first, (before, after) from the last axis on."""

    def there(torch, sources, parameters):
        kernel = parameters["weight"].movedim((-1, -2), (0, 1))
        x = first(sources[0])
        if pad is not None:
            x = torch.nn.functional.pad(x, pad)
        function = getattr(torch.nn.functional, f"conv{axes}d")
        return last(function(x, kernel, parameters.get("bias"), **settings))

    return there


def pooled(name, pad=None, value=0.0, **settings):
    """A pooling by its name in PyTorch."""

    def there(torch, sources, parameters):
        x = first(sources[0])
        if pad is not None:
            x = torch.nn.functional.pad(x, pad, value=value)
        return last(getattr(torch.nn.functional, name)(x, **settings))

    return there


def layer_normalised(torch, sources, parameters):
    (x,) = sources
    shape = x.shape[-1:]
    return torch.nn.functional.layer_norm(x, shape, parameters["weight"], parameters["bias"], 1e-3)


def locally_normalised(**settings):
    def there(torch, sources, parameters):
        x = first(sources[0])
        if x.dim() == 2:  # PyTorch asks for a length behind the channels.
            return torch.nn.functional.local_response_norm(x[..., None], **settings)[..., 0]
        return last(torch.nn.functional.local_response_norm(x, **settings))

    return there


def batch_normalised(torch, sources, parameters):
    return last(
        torch.nn.functional.batch_norm(
            first(sources[0]),
            parameters["mean"],
            parameters["variance"],
            parameters["weight"],
            parameters["bias"],
            eps=1e-3,
        )
    )


def recurrent_parameters(torch, kind, parameters, forget_bias, end=""):
    """What PyTorch calls the parameters of a recurrent layer."""
    weight, recurrent, bias = (parameters[name] for name in ("weight", "recurrent", "bias"))
    width = recurrent.shape[0]
    inner = torch.zeros(recurrent.shape[1]).to(weight)
    outer = bias[: recurrent.shape[1]]
    if kind == "GRU":
        inner = torch.cat([inner[: 2 * width], bias[3 * width :]])
    if kind == "LSTM":
        open_ = torch.zeros(4 * width).to(weight)
        open_[width : 2 * width] = forget_bias
        outer = outer + open_
    return {
        f"weight_ih_l0{end}": weight.T,
        f"weight_hh_l0{end}": recurrent.T,
        f"bias_ih_l0{end}": outer,
        f"bias_hh_l0{end}": inner,
    }


def recurrent(kind, sequence, forget_bias=0.0):
    """A recurrent network of one layer."""

    def there(torch, sources, parameters):
        (x,) = sources
        width = parameters["recurrent"].shape[0]
        network = getattr(torch.nn, kind)(x.shape[-1], width, batch_first=True).to(x)
        given = recurrent_parameters(torch, kind, parameters, forget_bias)
        y, _ = torch.func.functional_call(network, given, (x,))
        return y if sequence else y[:, -1]

    return there


def packed(kind, width, both_ways=False, join="concatenate", forget_bias=0.0):
    """The last states of sequences whose lengths a mask gives: PyTorch packs them."""

    def there(torch, sources, parameters):
        x, mask = sources
        settings = {"batch_first": True, "bidirectional": both_ways}
        network = getattr(torch.nn, kind)(x.shape[-1], width, **settings).to(x)
        ways = {"forward.": "", "backward.": "_reverse"} if both_ways else {"": ""}
        given = {}
        for way, end in ways.items():
            own = {k.removeprefix(way): v for k, v in parameters.items() if k.startswith(way)}
            given |= recurrent_parameters(torch, kind, own, forget_bias, end)
        lengths = (mask != 0).sum(1)
        sequences = torch.nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        _, state = torch.func.functional_call(network, given, (sequences,))
        h = state[0] if kind == "LSTM" else state
        mask.grad = torch.zeros_like(mask)
        return h.sum(0) if join == "sum" else torch.cat(tuple(h), -1)

    return there


def both_ways(kind, width, join):
    """All steps of a recurrent network that is gone through from both ends."""

    def there(torch, sources, parameters):
        (x,) = sources
        settings = {"batch_first": True, "bidirectional": True}
        network = getattr(torch.nn, kind)(x.shape[-1], width, **settings).to(x)
        given = {}
        for way, end in (("forward.", ""), ("backward.", "_reverse")):
            own = {k.removeprefix(way): v for k, v in parameters.items() if k.startswith(way)}
            given |= recurrent_parameters(torch, kind, own, 0.0, end)
        y, _ = torch.func.functional_call(network, given, (x,))
        return y[..., :width] + y[..., width:] if join == "sum" else y

    return there


def attended(heads, causal=False):
    """Attention of a sequence to itself or to another, perhaps with a mask."""

    def there(torch, sources, parameters):
        mask = sources[-1] if sources[-1].dim() == 2 else None
        sequences = sources if mask is None else sources[:-1]
        # PyTorch has the steps first.
        query, memory = sequences[0].transpose(0, 1), sequences[-1].transpose(0, 1)
        zero = torch.zeros(query.shape[-1]).to(query)
        biases = [parameters.get(f"{name}.bias", zero) for name in ("query", "key", "value")]
        before = None
        if causal:
            before = torch.ones(len(query), len(memory)).triu(1).bool()
        if mask is not None:
            mask.grad = torch.zeros_like(mask)
        y, _ = torch.nn.functional.multi_head_attention_forward(
            query, memory, memory, query.shape[-1], heads, None, torch.cat(biases), None, None,
            False, 0.0, parameters["output.weight"].T, parameters.get("output.bias"),
            training=False, attn_mask=before,
            key_padding_mask=None if mask is None else mask == 0,
            use_separate_proj_weight=True,
            q_proj_weight=parameters["query.weight"].T,
            k_proj_weight=parameters["key.weight"].T,
            v_proj_weight=parameters["value.weight"].T,
        )  # fmt: skip
        return y.transpose(0, 1)

    return there


def encoder_block(heads, activation, norm_first, causal=False):
    """A block of an encoder, perhaps with a mask."""

    def there(torch, sources, parameters):
        x, *masks = sources
        width, inner = parameters["widen.weight"].shape[1:]
        block = torch.nn.TransformerEncoderLayer(
            width, heads, inner, 0.0, activation, batch_first=True, norm_first=norm_first
        ).to(x)
        padding, before = None, None
        if masks:
            padding = masks[0] == 0
            masks[0].grad = torch.zeros_like(masks[0])
        if causal:
            before = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        given = {
            **torch_attention(torch, parameters, "attention", "self_attn"),
            **torch_rest(parameters, ("attention", "feed_forward")),
        }
        return torch.func.functional_call(
            block, given, (x,), {"src_mask": before, "src_key_padding_mask": padding}
        )

    return there


def decoder_block(heads, activation, norm_first):
    """A block of a decoder, with a mask of the memory."""

    def there(torch, sources, parameters):
        x, memory, mask = sources
        width, inner = parameters["widen.weight"].shape[1:]
        block = torch.nn.TransformerDecoderLayer(
            width, heads, inner, 0.0, activation, batch_first=True, norm_first=norm_first
        ).to(x)
        mask.grad = torch.zeros_like(mask)
        before = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        given = {
            **torch_attention(torch, parameters, "attention", "self_attn"),
            **torch_attention(torch, parameters, "cross_attention", "multihead_attn"),
            **torch_rest(parameters, ("attention", "cross_attention", "feed_forward")),
        }
        settings = {"tgt_mask": before, "memory_key_padding_mask": mask == 0}
        return torch.func.functional_call(block, given, (x, memory), settings)

    return there


def torch_attention(torch, parameters, ours, theirs):
    """The parameters of an attention under PyTorch's names."""
    parts = ("query", "key", "value")
    return {
        f"{theirs}.in_proj_weight": torch.cat([parameters[f"{ours}.{p}.weight"].T for p in parts]),
        f"{theirs}.in_proj_bias": torch.cat([parameters[f"{ours}.{p}.bias"] for p in parts]),
        f"{theirs}.out_proj.weight": parameters[f"{ours}.output.weight"].T,
        f"{theirs}.out_proj.bias": parameters[f"{ours}.output.bias"],
    }


def torch_rest(parameters, parts):
    """Those of the normalisations and of the network of every step."""
    found = {
        "linear1.weight": parameters["widen.weight"][0].T,
        "linear1.bias": parameters["widen.bias"],
        "linear2.weight": parameters["narrow.weight"][0].T,
        "linear2.bias": parameters["narrow.bias"],
    }
    for k, part in enumerate(parts):
        for name in ("weight", "bias"):
            found[f"norm{k + 1}.{name}"] = parameters[f"{part}_norm.{name}"]
    return found


def pooled_real(how):
    """Over the steps of which the mask is not 0."""

    def there(torch, sources, parameters):
        x, mask = sources
        mask.grad = torch.zeros_like(mask)
        real = [row[kept != 0] for row, kept in zip(x, mask, strict=True)]
        return torch.stack([how(row) for row in real])

    return there


def with_positions(torch, sources, parameters):
    """The table as written in section 3.5 of Vaswani et al. 2017, one number at a time."""
    (x,) = sources
    steps, features = x.shape[1:]
    table = [
        [
            (math.sin, math.cos)[k % 2](t / 10_000 ** (2 * (k // 2) / features))
            for k in range(features)
        ]
        for t in range(steps)
    ]
    return x + torch.tensor(table, dtype=x.dtype)


def with_learned_positions(torch, sources, parameters):
    return sources[0] + parameters["table"]


def embedded(torch, sources, parameters):
    *rest, codes = sources
    tables = [table for name, table in parameters.items() if name.endswith("table")]
    picked = [
        torch.nn.functional.embedding(codes[:, k].long(), table) for k, table in enumerate(tables)
    ]
    return torch.cat([*rest, *picked], -1)


def tokens_embedded(torch, sources, parameters):
    return torch.nn.functional.embedding(sources[0].long(), parameters["table"])


def added(torch, sources, parameters):
    return sum(sources)


def multiplied(torch, sources, parameters):
    a, b, c = sources
    return a * b * c


def joined(torch, sources, parameters):
    return torch.cat(tuple(sources), -1)


def dense(torch, sources, parameters):
    return torch.nn.functional.linear(sources[0], parameters["weight"].T, parameters["bias"])


def dense_ntp(torch, sources, parameters):
    (x,) = sources
    weight = parameters["weight"] / x.shape[-1] ** 0.5
    return torch.nn.functional.linear(x, weight.T, parameters["bias"])


def scaled(torch, sources, parameters):
    return sources[0] * parameters["weight"]


def bent(name):
    """Between a number and its activation."""

    def there(torch, sources, parameters):
        (x,) = sources
        part = parameters["part"]
        return (1 - part) * x + part * getattr(torch.nn.functional, name)(x)

    return there


def periodic(keeps_input=True, relu=False):
    """Waves of every input, and a linear layer of its own for the waves of each."""

    def there(torch, sources, parameters):
        (x,) = sources
        made = []
        for k in range(x.shape[-1]):
            frequency, phase = parameters["frequency"][:, k], parameters["phase"][:, k]
            waves = torch.cos(2 * math.pi * x[:, k : k + 1] * frequency + phase)
            if "weight" in parameters:
                weight, bias = parameters["weight"][:, :, k], parameters["bias"][:, k]
                waves = torch.nn.functional.linear(waves, weight, bias)
            made.append(waves.relu() if relu else waves)
        flat = torch.stack(made, -1).flatten(1)
        return torch.cat((x, flat), -1) if keeps_input else flat

    return there


INF = float("inf")
LINE, IMAGE = ((7, 2),), ((5, 6, 2),)
CASES = {
    "dense": Case(Dense(3), dense, ((4,),)),
    "dense, ntp": Case(Dense(3, parametrization="ntp"), dense_ntp, ((4,),)),
    "scale": Case(Scale(), scaled, ((4,),)),
    "scale of images": Case(Scale(), scaled, IMAGE),
    "parametric mish": Case(ParametricActivation("mish"), bent("mish"), ((4,),)),
    "parametric selu": Case(ParametricActivation("selu"), bent("selu"), ((4,),)),
    "parametric relu": Case(ParametricActivation("relu"), bent("relu"), ((4,),)),
    "periodic embedding": Case(PeriodicEmbedding(), periodic(), ((4,),)),
    "periodic embedding, rectified": Case(
        PeriodicEmbedding(5, 2, keeps_input=False, relu=True), periodic(False, True), ((3,),)
    ),
    "waves": Case(PeriodicEmbedding(5, None), periodic(), ((3,),)),
    "conv1d": Case(Conv1D(3, 3), convolved(1), LINE),
    "conv1d, no bias, same": Case(
        Conv1D(3, 4, padding="same", bias=False), convolved(1, (1, 2)), LINE
    ),
    "conv1d, same, stride": Case(
        Conv1D(2, 3, stride=2, padding="same"), convolved(1, (1, 1), stride=2), LINE
    ),
    "conv1d, same, stride, odd one behind": Case(
        Conv1D(2, 4, stride=2, padding="same"), convolved(1, (1, 2), stride=2), LINE
    ),
    "conv1d, everything": Case(
        Conv1D(6, 3, stride=2, padding=3, dilation=2, groups=2),
        convolved(1, stride=2, padding=3, dilation=2, groups=2),
        LINE,
    ),
    "conv2d": Case(Conv2D(3, 3), convolved(2), IMAGE),
    "conv2d, one place": Case(Conv2D(3, 1), convolved(2), IMAGE),
    "conv2d, one place, stride": Case(Conv2D(3, 1, stride=2), convolved(2, stride=2), IMAGE),
    "conv2d, whole image": Case(Conv2D(3, (5, 6)), convolved(2), IMAGE),
    "conv2d, same": Case(Conv2D(3, (2, 3), padding="same"), convolved(2, (1, 1, 0, 1)), IMAGE),
    "conv2d, same, stride": Case(
        # Height 5 in 3 windows of 3, 2 apart: 1 row each side; width 6: 0 before and 1 behind.
        Conv2D(2, 3, stride=2, padding="same"),
        convolved(2, (0, 1, 1, 1), stride=2),
        IMAGE,
    ),
    "conv2d, everything": Case(
        Conv2D(4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 3), groups=2),
        convolved(2, stride=(1, 2), padding=(2, 1), dilation=(2, 3), groups=2),
        IMAGE,
    ),
    "conv2d, a group each channel": Case(
        Conv2D(6, 3, padding=1, groups=2), convolved(2, padding=1, groups=2), IMAGE
    ),
    "max pool, 1 axis": Case(MaxPool1D(2), pooled("max_pool1d", kernel_size=2), LINE),
    "max pool, 1 axis, padding": Case(
        MaxPool1D(3, stride=2, padding=1),
        pooled("max_pool1d", kernel_size=3, stride=2, padding=1),
        LINE,
    ),
    "max pool": Case(MaxPool2D(2), pooled("max_pool2d", kernel_size=2), IMAGE),
    "max pool, overlapping": Case(
        MaxPool2D((3, 2), stride=1), pooled("max_pool2d", kernel_size=(3, 2), stride=1), IMAGE
    ),
    "max pool, padding": Case(
        MaxPool2D(3, stride=2, padding=1),
        pooled("max_pool2d", kernel_size=3, stride=2, padding=1),
        IMAGE,
    ),
    "max pool, same": Case(
        MaxPool2D(3, stride=2, padding="same"),
        pooled("max_pool2d", (0, 1, 1, 1), -INF, kernel_size=3, stride=2),
        IMAGE,
    ),
    "average pool, 1 axis": Case(
        AveragePool1D(3, stride=1, padding=1),
        pooled("avg_pool1d", kernel_size=3, stride=1, padding=1),
        LINE,
    ),
    "average pool": Case(AveragePool2D(2), pooled("avg_pool2d", kernel_size=2), IMAGE),
    "average pool, padding": Case(
        AveragePool2D((3, 2), stride=(1, 2), padding=1),
        pooled("avg_pool2d", kernel_size=(3, 2), stride=(1, 2), padding=1),
        IMAGE,
    ),
    "global average pool": Case(
        GlobalAveragePool(), lambda torch, sources, _: sources[0].mean((1, 2)), IMAGE
    ),
    "global max pool": Case(
        GlobalMaxPool(), lambda torch, sources, _: sources[0].amax((1, 2)), IMAGE
    ),
    "global max pool, 1 axis": Case(
        GlobalMaxPool(), lambda torch, sources, _: sources[0].amax(1), LINE
    ),
    "batch norm, predicting": Case(BatchNorm(epsilon=1e-3), batch_normalised, ((5,),)),
    "batch norm of images, predicting": Case(BatchNorm(epsilon=1e-3), batch_normalised, IMAGE),
    "layer norm": Case(LayerNorm(epsilon=1e-3), layer_normalised, ((5,),)),
    "layer norm of images": Case(LayerNorm(epsilon=1e-3), layer_normalised, IMAGE),
    "local response norm": Case(
        LocalResponseNorm(3, alpha=0.5, beta=0.75, k=2.0),
        locally_normalised(size=3, alpha=0.5, beta=0.75, k=2.0),
        ((2, 3, 7),),
    ),
    "local response norm, even": Case(
        LocalResponseNorm(4, alpha=2.0, beta=0.3),
        locally_normalised(size=4, alpha=2.0, beta=0.3),
        ((7,),),
    ),
    "local response norm, wide": Case(LocalResponseNorm(9), locally_normalised(size=9), ((5,),)),
    "rnn": Case(SimpleRNN(3), recurrent("RNN", False), ((4, 2),)),
    "rnn, sequence": Case(SimpleRNN(3, sequence=True), recurrent("RNN", True), ((4, 2),)),
    "lstm": Case(LSTM(3), recurrent("LSTM", False, 1.0), ((4, 2),)),
    "lstm, sequence": Case(
        LSTM(3, sequence=True, forget_bias=0.0), recurrent("LSTM", True), ((4, 2),)
    ),
    "gru": Case(GRU(3), recurrent("GRU", False), ((4, 2),)),
    "gru, sequence": Case(GRU(3, sequence=True), recurrent("GRU", True), ((4, 2),)),
    "one step": Case(GRU(2, sequence=True), recurrent("GRU", True), ((1, 5),)),
    "rnn, mask": Case(SimpleRNN(3), packed("RNN", 3), ((4, 2), (4,)), masked=True),
    "lstm, mask": Case(LSTM(3), packed("LSTM", 3, forget_bias=1.0), ((4, 2), (4,)), masked=True),
    "gru, mask": Case(GRU(3), packed("GRU", 3), ((4, 2), (4,)), masked=True),
    "both ways": Case(Bidirectional(LSTM(3, True, 0.0)), both_ways("LSTM", 3, ""), ((4, 2),)),
    "both ways, summed": Case(
        Bidirectional(GRU(3, True), "sum"), both_ways("GRU", 3, "sum"), ((4, 2),)
    ),
    "both ways, mask": Case(
        Bidirectional(LSTM(3, forget_bias=0.0)),
        packed("LSTM", 3, True),
        ((4, 2), (4,)),
        masked=True,
    ),
    "both ways, summed, mask": Case(
        Bidirectional(SimpleRNN(3), "sum"),
        packed("RNN", 3, True, "sum"),
        ((4, 2), (4,)),
        masked=True,
    ),
    "attention": Case(MultiHeadAttention(2), attended(2), ((4, 6),)),
    "attention, one head, no bias": Case(MultiHeadAttention(1, bias=False), attended(1), ((4, 3),)),
    "attention, causal": Case(
        MultiHeadAttention(3, causal=True), attended(3, causal=True), ((5, 6),)
    ),
    "attention, mask": Case(MultiHeadAttention(2), attended(2), ((5, 4), (5,)), masked=True),
    "attention, causal, mask": Case(
        MultiHeadAttention(2, causal=True), attended(2, True), ((5, 4), (5,)), masked=True
    ),
    "attention to another": Case(MultiHeadAttention(2), attended(2), ((3, 4), (5, 6))),
    "attention to another, mask": Case(
        MultiHeadAttention(2), attended(2), ((3, 4), (5, 6), (5,)), masked=True
    ),
    "transformer block": Case(TransformerBlock(4, 2, 6), encoder_block(2, "gelu", True), ((5, 4),)),
    "transformer block, mask": Case(
        TransformerBlock(4, 2, 6), encoder_block(2, "gelu", True), ((5, 4), (5,)), masked=True
    ),
    "transformer block, norm after, causal": Case(
        TransformerBlock(4, 1, 6, "relu", norm="after", causal=True),
        encoder_block(1, "relu", False, True),
        ((5, 4),),
        scale=0.5,
    ),
    "transformer block with a memory": Case(
        TransformerBlock(4, 2, 6, causal=True, cross=True),
        decoder_block(2, "gelu", True),
        ((3, 4), (5, 4), (5,)),
        masked=True,
        scale=0.5,
    ),
    "transformer block with a memory, norm after": Case(
        TransformerBlock(4, 2, 6, "relu", norm="after", causal=True, cross=True),
        decoder_block(2, "relu", False),
        ((3, 4), (5, 4), (5,)),
        masked=True,
        scale=0.5,
    ),
    "positions": Case(PositionalEncoding(), with_positions, ((4, 5),)),
    "learned positions": Case(PositionEmbedding(), with_learned_positions, ((4, 5),)),
    "mean of the real steps": Case(
        GlobalAveragePool(), pooled_real(lambda x: x.mean(0)), ((5, 3), (5,)), masked=True
    ),
    "largest of the real steps": Case(
        GlobalMaxPool(), pooled_real(lambda x: x.amax(0)), ((5, 3), (5,)), masked=True
    ),
    "last real step": Case(LastStep(), pooled_real(lambda x: x[-1]), ((5, 3), (5,)), masked=True),
    "last step": Case(LastStep(), lambda torch, sources, _: sources[0][:, -1], ((5, 3),)),
    "embedding": Case(Embedding((4, 4), widths=(2, 3)), embedded, ((2,), (2,)), codes=4),
    "token embedding": Case(TokenEmbedding(4, 3), tokens_embedded, ((5,),), codes=4),
    "add": Case(Add(), added, ((2, 3), (2, 3), (2, 3))),
    "multiply": Case(Multiply(), multiplied, ((2, 3), (2, 3), (2, 3))),
    "concatenate": Case(Concatenate(), joined, ((2, 3), (2, 1), (2, 4))),
}

#: Batch normalisation in training: the layer, momentum and epsilon there, the shape of a row.
GATHERING = {
    "batch norm": (BatchNorm(), {"momentum": 0.1, "eps": 1e-5}, (5,)),
    "batch norm of images": (
        BatchNorm(momentum=0.3, epsilon=1e-2),
        {"momentum": 0.3, "eps": 1e-2},
        (2, 3, 4),
    ),
}


def network_of(case, dtype="float64"):
    """The layer or block alone in a network, under the name "layer"."""
    last = len(case.shapes) - 1
    leaves = [
        Input(shape, f"x{k}", codes=bool(case.codes) and k == last)
        for k, shape in enumerate(case.shapes)
    ]
    return Network(case.layer(*leaves, name="layer"), dtype=dtype)


def shapes_of(network, variables=None):
    """The shape of each learned or gathered variable by its name within the layer."""
    variables = network.variables if variables is None else variables
    return {str(v.name).removeprefix("layer."): v.shape for v in variables}


def torch_values(case):
    """PyTorch's result, and the derivatives of its weighted sum."""
    import torch

    sources = [torch.tensor(array) for array in sources_of(case)]
    network = network_of(case)
    given = parameters_of(shapes_of(network), case.scale)
    parameters = {name: torch.tensor(value) for name, value in given.items()}
    wanted = [x for x in sources if x.is_floating_point()]
    learned = shapes_of(network, network.parameters)
    leaves = [*wanted, *(parameters[name] for name in parameters if name in learned)]
    for leaf in leaves:
        leaf.requires_grad_(True)
    y = case.there(torch, sources, parameters)
    (y * torch.tensor(numbers(tuple(y.shape), 5.0))).sum().backward()
    return {
        "result": y.detach().numpy(),
        "by_source": [x.grad.numpy() for x in wanted],
        "by_parameter": {k: v.grad.numpy() for k, v in parameters.items() if k in learned},
    }


def torch_gathering(name):
    """Some steps of batch normalisation in training."""
    import torch

    _, settings, shape = GATHERING[name]
    width = shape[-1]
    given = parameters_of({"weight": (width,), "bias": (width,)})
    mean, variance = torch.zeros(width).double(), torch.ones(width).double()
    steps = []
    for step in range(STEPS):
        x = torch.tensor(numbers((ROWS, *shape), 0.7 * step), requires_grad=True)
        weight, bias = (torch.tensor(given[k], requires_grad=True) for k in ("weight", "bias"))
        y = last(
            torch.nn.functional.batch_norm(
                first(x), mean, variance, weight, bias, training=True, **settings
            )
        )
        (y * torch.tensor(numbers(tuple(y.shape), 5.0))).sum().backward()
        steps.append(
            {
                "result": y.detach().numpy(),
                "by_source": x.grad.numpy(),
                "by_weight": weight.grad.numpy(),
                "by_bias": bias.grad.numpy(),
                "mean": mean.numpy().copy(),
                "variance": variance.numpy().copy(),
            }
        )
    return steps


def plain(value):
    """Arrays as flat lists of numbers with nine digits."""
    if isinstance(value, np.ndarray):
        return [float(f"{number:.9g}") for number in value.ravel()]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value]


def document():
    """All of it."""
    import torch

    return {
        "made with": f"PyTorch {torch.__version__}, float64",
        "cases": {name: plain(torch_values(case)) for name, case in CASES.items()},
        "gathering": {name: plain(torch_gathering(name)) for name in GATHERING},
    }


if __name__ == "__main__":
    text = json.dumps(document(), indent=None, separators=(",", ":"))
    text = text.replace('},"', '},\n"').replace('],"', '],\n"')
    (Path(__file__).parent / "expected_layers.json").write_text(text + "\n")
