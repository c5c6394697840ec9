"""Training on PyTorch: its own LSTM (oneDNN on a CPU, cuDNN on a GPU) and eager steps."""

from __future__ import annotations

from typing import Any, SupportsFloat

import numpy as np
import torch

from simpleml.training import learner, machine
from simpleml.training.learner import DeviceLearner, LearnerOptions, LearnerState
from simpleml.training.optimizer import StepNumbers
from simpleml.training.recurrent import Array, Masks, NetworkShape, State, Tensor

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
    outputs, last_hidden, last_cell = torch.lstm(
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


class Learner(DeviceLearner):
    """Eager steps; the update is PyTorch's own AdamW."""

    def __init__(self, shape: NetworkShape, options: LearnerOptions, state: LearnerState) -> None:
        self._device = torch.device("cuda" if on_gpu() else "cpu")
        super().__init__(shape, options, state)
        self._optimizer = self._make_optimizer()

    def _train(
        self, tokens: Tensor, targets: Tensor, keep: Tensor, masks: Masks, numbers: StepNumbers
    ) -> tuple[SupportsFloat, State]:
        loss, after = learner.chunk_loss(
            self._groups.parameters,
            tokens,
            targets,
            [value * keep for value in self._carried],
            masks,
            self.shape,
            self.options,
            lstm,
        )
        loss.backward()
        self._apply(numbers)
        return loss.detach(), after

    def _judge(
        self, tokens: Tensor, targets: Tensor, state: State, averaged: bool
    ) -> tuple[Tensor, State]:
        with torch.no_grad():
            return learner.chunk_losses(
                self._weights(averaged), tokens, targets, state, self.shape, self.options, lstm
            )

    def _make_optimizer(self) -> torch.optim.AdamW:
        """``optimizer.adamw`` as one kernel: 2 ms for 3x512 on two cores where plain operations
        take 59. Its moments are the learner's own tensors, changed in place."""
        options, groups = self.options.optimizer, self._groups
        parameters = [value.requires_grad_() for value in groups.parameters]
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
        for value, first, second in zip(*groups[:3], strict=True):
            steps = torch.tensor(float(self.updates), device=self._device)
            made.state[value] = {"step": steps, "exp_avg": first, "exp_avg_sq": second}
        return made

    def _apply(self, numbers: StepNumbers) -> None:
        """One update from the gradients, and the average of the weights after it."""
        groups = self._groups
        torch.nn.utils.clip_grad_norm_(groups.parameters, self.options.optimizer.clip_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = numbers.learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad()
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(numbers.average_decay)
        average(groups.average, groups.parameters, None)

    def _variable(self, value: Array) -> Tensor:
        return torch.tensor(value, device=self._device)

    def _assign(self, variable: Tensor, value: Array) -> None:
        variable.copy_(torch.from_numpy(np.asarray(value)))

    def _tensor(self, value: Any) -> Tensor:
        if isinstance(value, torch.Tensor):
            return value
        return torch.tensor(np.asarray(value), device=self._device)

    def _host(self, value: Tensor) -> Array:
        return np.array(value.detach().cpu().numpy())
