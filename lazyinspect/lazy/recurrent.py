"""Lazy recurrent layers and cells: ``input_size`` from the last dimension."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.inputs import rank_in
from lazyinspect.lazy.transplant import forget_sizes


class _LazyRecurrent(LazyMixin):
    """Inference of the lazy recurrent layers."""

    infers = ("input_size",)
    template_device = "meta"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(input_size=1, **arguments)
        forget_sizes(self, "input_size")
        self._init_flat_weights()  # type: ignore[operator]  # the eager class's

    def infer(self, input: torch.Tensor | PackedSequence, hx: Any = None) -> Mapping[str, Any]:
        if isinstance(input, PackedSequence):
            return {"input_size": input.data.shape[-1]}
        return {"input_size": rank_in(self, input, (2, 3)).shape[-1]}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        first = "weight_ih_l0" if "weight_ih_l0" in shapes else "weight_ih_l0_reverse"
        return {"input_size": shapes[first][1]}

    def _reference(self, *args: Any) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the constructor were shown already
            return super()._reference(*args)

    def flatten_parameters(self) -> None:
        if not self.has_uninitialized_params():
            super().flatten_parameters()  # type: ignore[misc]

    def materialised(self) -> None:
        self._init_flat_weights()  # type: ignore[operator]


class LazyRNN(_LazyRecurrent, nn.RNN):
    """An ``RNN`` whose ``input_size`` the first forward infers.

    Shape: input ``(length, batch, features)``, ``(batch, length, features)`` with
    ``batch_first``, ``(length, features)`` unbatched, or a ``PackedSequence``.

    Raises:
        ValueError: what the constructor of ``RNN`` refuses: no ``hidden_size``,
            or another ``nonlinearity``.
        InferenceError: at the first forward: another rank, or no features.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyRNN
        >>> layer = LazyRNN(20, batch_first=True)
        >>> output, hidden = layer(torch.randn(2, 7, 5))
        >>> tuple(output.shape)
        (2, 7, 20)
        >>> layer
        RNN(5, 20, batch_first=True)
    """

    cls_to_become = nn.RNN

    def __init__(
        self,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            hidden_size=hidden_size,
            num_layers=num_layers,
            nonlinearity=nonlinearity,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            device=device,
            dtype=dtype,
        )


class LazyLSTM(_LazyRecurrent, nn.LSTM):
    """An ``LSTM`` whose ``input_size`` the first forward infers.

    Shape: input ``(length, batch, features)``, ``(batch, length, features)`` with
    ``batch_first``, ``(length, features)`` unbatched, or a ``PackedSequence``.

    Raises:
        ValueError: what the constructor of ``LSTM`` refuses: no ``hidden_size``,
            or a ``proj_size`` not below it.
        InferenceError: at the first forward: another rank, or no features.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyLSTM
        >>> layer = LazyLSTM(20, num_layers=2, bidirectional=True)
        >>> output, (hidden, cell) = layer(torch.randn(7, 2, 5))
        >>> tuple(output.shape)
        (7, 2, 40)
        >>> layer
        LSTM(5, 20, num_layers=2, bidirectional=True)
    """

    cls_to_become = nn.LSTM

    def __init__(
        self,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            hidden_size=hidden_size,
            num_layers=num_layers,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            proj_size=proj_size,
            device=device,
            dtype=dtype,
        )


class LazyGRU(_LazyRecurrent, nn.GRU):
    """A ``GRU`` whose ``input_size`` the first forward infers.

    Shape: input ``(length, batch, features)``, ``(batch, length, features)`` with
    ``batch_first``, ``(length, features)`` unbatched, or a ``PackedSequence``.

    Raises:
        ValueError: what the constructor of ``GRU`` refuses: no ``hidden_size``,
            or a ``dropout`` above 1.
        InferenceError: at the first forward: another rank, or no features.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyGRU
        >>> layer = LazyGRU(20)
        >>> output, hidden = layer(torch.randn(7, 2, 5))
        >>> tuple(output.shape)
        (7, 2, 20)
        >>> layer
        GRU(5, 20)
    """

    cls_to_become = nn.GRU

    def __init__(
        self,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            hidden_size=hidden_size,
            num_layers=num_layers,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            device=device,
            dtype=dtype,
        )


class _LazyCell(LazyMixin):
    """Inference of the lazy recurrent cells."""

    infers = ("input_size",)

    def infer(self, input: torch.Tensor, hx: Any = None) -> Mapping[str, Any]:
        return {"input_size": rank_in(self, input, (1, 2)).shape[-1]}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        return {"input_size": shapes["weight_ih"][1]}


class LazyRNNCell(_LazyCell, nn.RNNCell):
    """An ``RNNCell`` whose ``input_size`` the first forward infers.

    Shape: input ``(batch, features)`` or ``(features,)``.

    Raises:
        InferenceError: at the first forward: another rank, or no features.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyRNNCell
        >>> layer = LazyRNNCell(20)
        >>> tuple(layer(torch.randn(2, 5)).shape)
        (2, 20)
        >>> layer
        RNNCell(5, 20)
    """

    cls_to_become = nn.RNNCell

    def __init__(
        self,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size=0,
            hidden_size=hidden_size,
            bias=bias,
            nonlinearity=nonlinearity,
            device=device,
            dtype=dtype,
        )


class LazyLSTMCell(_LazyCell, nn.LSTMCell):
    """An ``LSTMCell`` whose ``input_size`` the first forward infers.

    Shape: input ``(batch, features)`` or ``(features,)``.

    Raises:
        InferenceError: at the first forward: another rank, or no features.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyLSTMCell
        >>> layer = LazyLSTMCell(20)
        >>> hidden, cell = layer(torch.randn(2, 5))
        >>> tuple(hidden.shape)
        (2, 20)
        >>> layer
        LSTMCell(5, 20)
    """

    cls_to_become = nn.LSTMCell

    def __init__(
        self,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size=0, hidden_size=hidden_size, bias=bias, device=device, dtype=dtype
        )


class LazyGRUCell(_LazyCell, nn.GRUCell):
    """A ``GRUCell`` whose ``input_size`` the first forward infers.

    Shape: input ``(batch, features)`` or ``(features,)``.

    Raises:
        InferenceError: at the first forward: another rank, or no features.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyGRUCell
        >>> layer = LazyGRUCell(20)
        >>> tuple(layer(torch.randn(2, 5)).shape)
        (2, 20)
        >>> layer
        GRUCell(5, 20)
    """

    cls_to_become = nn.GRUCell

    def __init__(
        self,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size=0, hidden_size=hidden_size, bias=bias, device=device, dtype=dtype
        )
