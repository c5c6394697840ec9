"""Training on PyTorch: its own LSTM (oneDNN on a CPU, cuDNN on a GPU) and eager steps.

Shards of a chunk's rows are computed side by side, each in a native thread with one thread for its
operations: PyTorch leaves Python's lock inside them. Gradients are summed in the shards' order, so
that the same random state stays the same run.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, SupportsFloat

import numpy as np
import torch

from simpleml.training import learner, machine, recurrent
from simpleml.training.learner import DeviceLearner, LearnerOptions, LearnerState
from simpleml.training.optimizer import StepNumbers
from simpleml.training.recurrent import Array, Masks, NetworkShape, State, Tensor

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h

READ_EVERY = 20 if torch.cuda.is_available() else 1
"""Updates between two readings of the loss: each waits for the device, which costs a GPU time."""


def prepare() -> None:
    """Let the C library keep freed memory for the next update.

    glibc gives each large block back at once and the kernel clears it anew for the next one: a
    million page faults in 18 updates of 3x512 on 64 rows, a fifth of the time. PyTorch finds its
    threads by itself.
    """
    if not on_gpu() and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


def on_gpu() -> bool:
    """Whether PyTorch sees a GPU."""
    return bool(torch.cuda.is_available())


def default_shards() -> int:
    """Independent parts to cut a chunk's rows into."""
    return 1


def best_precision() -> str:
    """The computing dtype that this machine is fastest with."""
    return "bfloat16" if machine.prefers_bfloat16(on_gpu()) else "float32"


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


def _threads(count: int) -> ThreadPoolExecutor:
    """Native threads, each with one thread for its operations; this one keeps its own."""
    mine = torch.get_num_threads()
    threads = ThreadPoolExecutor(count, "shard", torch.set_num_threads, (1,))
    all_here = threading.Barrier(count)  # else one thread could take two of the tasks
    list(threads.map(lambda _: all_here.wait(60), range(count)))
    torch.set_num_threads(mine)  # the others' number was also the process' for MKL
    return threads


class Learner(DeviceLearner):
    """Eager steps; the update is PyTorch's own AdamW."""

    def __init__(self, shape: NetworkShape, options: LearnerOptions, state: LearnerState) -> None:
        self._device = torch.device("cuda" if on_gpu() else "cpu")
        super().__init__(shape, options, state)
        self._optimizer = self._make_optimizer()
        self._shards = None if on_gpu() or options.shards < 2 else _threads(options.shards)

    def _train(
        self, tokens: Tensor, targets: Tensor, keep: Tensor, masks: Masks, numbers: StepNumbers
    ) -> tuple[SupportsFloat, State]:
        start = [value * keep for value in self._carried]
        parameters = self._groups.parameters
        if self._shards is None:
            loss, after = learner.chunk_loss(
                parameters, tokens, targets, start, masks, self.shape, self.options, lstm
            )
            loss.backward()
        else:
            loss, after = self._train_shards(self._shards, tokens, targets, start, masks)
        self._apply(numbers)
        return loss.detach(), after

    def _train_shards(
        self,
        threads: ThreadPoolExecutor,
        tokens: Tensor,
        targets: Tensor,
        start: State,
        masks: Masks,
    ) -> tuple[Tensor, State]:
        """``learner.chunk_loss`` and its gradients, the shards side by side."""
        parameters = self._groups.parameters
        cast = recurrent.cast_parameters(parameters, self.shape, self.options.precision, masks)
        leaves = [value.detach().requires_grad_() for value in cast]
        count = targets.shape[0] * tokens.shape[1]

        def shard(part: slice) -> tuple[Tensor, State, Sequence[Tensor]]:
            total, after = learner.shard_loss(
                leaves, part, tokens, targets, start, masks, self.shape, self.options, lstm
            )
            loss = total / count
            return loss.detach(), after, torch.autograd.grad(loss, leaves)

        parts = list(threads.map(shard, learner.shards_of(tokens.shape[1], self.options.shards)))
        gradients = [
            torch.stack(each).sum(0) for each in zip(*(one[2] for one in parts), strict=True)
        ]
        torch.autograd.backward(cast, gradients)
        return torch.stack([one[0] for one in parts]).sum(), learner.join([one[1] for one in parts])

    def _judge(
        self, tokens: Tensor, targets: Tensor, state: State, averaged: bool
    ) -> tuple[Tensor, State]:
        with torch.no_grad():
            return learner.chunk_losses(
                self._weights(averaged), tokens, targets, state, self.shape, self.options, lstm
            )

    def _make_optimizer(self) -> torch.optim.AdamW:
        """``optimizer.adamw`` as one kernel.

        It takes 2 ms for 3x512 on two cores where plain operations take 59. Its moments are the
        learner's own tensors, changed in place.
        """
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
