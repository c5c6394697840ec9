"""Training on PyTorch: its own LSTM (oneDNN on a CPU, cuDNN on a GPU) and eager steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from simpleml.training import learner, machine
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.recurrent import Array, Masks, NetworkShape, Tensor

READ_EVERY = 20 if torch.cuda.is_available() else 1
"""Updates between two readings of the loss: each waits for the device, which costs a GPU time."""


def prepare() -> None:
    """Nothing: PyTorch finds its threads."""


def on_gpu() -> bool:
    """Whether PyTorch sees a GPU."""
    return bool(torch.cuda.is_available())


def default_shards() -> int:
    """Independent parts to cut a chunk's rows into; PyTorch runs operations one by one anyway."""
    return 1


def best_precision() -> str:
    """The computing dtype that this machine is fastest with."""
    return "bfloat16" if machine.has_bfloat16(on_gpu()) else "float32"


LARGE_VOCABULARY = 2048


def lstm(
    inputs: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer over a chunk, as ``recurrent.Lstm`` says.

    PyTorch's kernels do the inputs' projection themselves, in all steps at once.
    """
    if inputs.dim() == 2:
        inputs, kernel, bias = _vectors(inputs, kernel, bias)
    weights = [kernel.T.contiguous(), recurrent.T.contiguous(), bias, torch.zeros_like(bias)]
    start = [value.detach().to(kernel.dtype)[None] for value in (hidden, cell)]
    outputs, last_hidden, last_cell = torch._VF.lstm(
        inputs,
        start,
        weights,
        True,  # has biases
        1,  # layers
        0.0,  # dropout between them
        torch.is_grad_enabled(),
        False,  # one direction
        False,  # time first
    )
    return outputs, last_hidden[0].detach().float(), last_cell[0].detach().float()


def _vectors(tokens: Tensor, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens (T, B) as vectors, with the kernel and bias to go with them."""
    size, gates = kernel.shape
    if size <= LARGE_VOCABULARY:
        return torch.nn.functional.one_hot(tokens.long(), size).to(kernel.dtype), kernel, bias
    # One-hot vectors of many words would cost more than the whole network: pick the rows here.
    identity = torch.eye(gates, dtype=kernel.dtype, device=kernel.device)
    return kernel[tokens.long()] + bias, identity, torch.zeros_like(bias)


class Learner:
    """Parameters, optimiser and carried state on the device, and the steps that change them.

    As ``tensorflow_backend.Learner``.
    """

    def __init__(self, shape: NetworkShape, options: LearnerOptions, state: LearnerState) -> None:
        self.shape, self.options = shape, options
        self.updates = state.updates
        self._device = torch.device("cuda" if on_gpu() else "cpu")
        self._groups = [[self._tensor(value) for value in group] for group in state.groups]
        self._carried = [self._tensor(value) for value in state.carried]
        self._optimizer = self._make_optimizer()

    def train(
        self,
        tokens: Array,
        targets: Array,
        keep: Array,
        masks: Masks,
        learning_rate: float,
        average_decay: float,
    ) -> Any:
        """One update; returns the chunk's mean loss in nats, as something ``float`` can read."""
        self.updates += 1
        parameters = self._groups[0]
        loss, after = learner.chunk_loss(
            parameters,
            self._tensor(tokens),
            self._tensor(targets),
            [value * self._tensor(keep) for value in self._carried],
            Masks(
                None if masks.outputs is None else self._tensor(masks.outputs),
                None if masks.recurrent is None else self._tensor(masks.recurrent),
                masks.output_scale,
                masks.recurrent_scale,
            ),
            self.shape,
            self.options,
            lstm,
        )
        loss.backward()
        self._apply(learning_rate, average_decay)
        self._carried = after
        return loss.detach()

    def losses(
        self, tokens: Array, targets: Array, state: list[Any], averaged: bool = True
    ) -> tuple[Array, list[Any]]:
        """Losses in nats per target (T or 1, B) and the state after, with the averaged weights."""
        with torch.no_grad():
            values, after = learner.chunk_losses(
                self._groups[3 if averaged else 0],
                self._tensor(tokens),
                self._tensor(targets),
                [self._tensor(value) for value in state],
                self.shape,
                self.options,
                lstm,
            )
        return values.cpu().numpy(), after

    def reset(self) -> None:
        """Carry zero states into the next chunk."""
        self._carried = [torch.zeros_like(value) for value in self._carried]

    def parameters(self, averaged: bool = True) -> list[Array]:
        """The parameters on the host, averaged or as they are."""
        return [_host(value) for value in self._groups[3 if averaged else 0]]

    def set_average(self, parameters: list[Array]) -> None:
        """Put other weights in the place of the averaged ones, to measure them."""
        self._groups[3] = [self._tensor(value) for value in parameters]

    def state(self) -> LearnerState:
        """A copy of everything on the host, to be saved."""
        groups = [[_host(value) for value in group] for group in self._groups]
        return LearnerState.of(groups, [_host(value) for value in self._carried], self.updates)

    def _make_optimizer(self) -> torch.optim.AdamW:
        """``optimizer.adamw`` as one kernel: 2 ms for 3x512 on two cores where plain operations
        take 59. Its moments are the learner's own tensors, changed in place."""
        options = self.options.optimizer
        parameters = [value.requires_grad_() for value in self._groups[0]]
        matrices = [value for value in parameters if value.dim() > 1]
        biases = [value for value in parameters if value.dim() <= 1]
        made = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": options.weight_decay},
                {"params": biases, "weight_decay": 0.0},
            ],
            betas=(options.beta1, options.beta2),
            eps=options.epsilon,
            fused=True,
        )
        for value, first, second in zip(*self._groups[:3], strict=True):
            steps = torch.tensor(float(self.updates), device=self._device)
            made.state[value] = {"step": steps, "exp_avg": first, "exp_avg_sq": second}
        return made

    def _apply(self, learning_rate: float, average_decay: float) -> None:
        """One update from the gradients, and the average of the weights after it."""
        torch.nn.utils.clip_grad_norm_(self._groups[0], self.options.optimizer.clip_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad()
        with torch.no_grad():
            torch._foreach_lerp_(self._groups[3], self._groups[0], 1.0 - average_decay)

    def _tensor(self, value: Any) -> Tensor:
        if isinstance(value, torch.Tensor):
            return value
        return torch.tensor(np.asarray(value), device=self._device)


def _host(value: Tensor) -> Array:
    return np.array(value.detach().cpu().numpy())
