"""The components that book/optimizers.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import functools
import itertools
import math

import IPython
import keras
import numpy as np
from keras import ops

from helpers.components.losses import checked_number
from helpers.explore import explore
from helpers.plotting import BLUE, GREEN, INK, VERMILLION, draw_png


def checked_rate(learning_rate):
    """Checks that a learning rate is a schedule, or a number from 0 up.

    Args:
        learning_rate: What was passed for it.

    Returns:
        The schedule, or the number as a `float`.

    Raises:
        ValueError: If it is neither.
    """
    schedules = keras.optimizers.schedules
    if isinstance(learning_rate, schedules.LearningRateSchedule):
        return learning_rate
    try:
        return checked_number("learning_rate", learning_rate, least=0)
    except ValueError as error:
        message = str(error).replace("must be", "must be a schedule or", 1)
        raise ValueError(message) from None


def checked_boolean(name, value):
    """Checks that an argument is True or False, not a word that means it."""
    if not isinstance(value, (bool, np.bool_)):
        wanted = f"`{name}` must be True or False."
        raise ValueError(f"{wanted} Received: {name}={value!r}")
    return bool(value)


@keras.saving.register_keras_serializable(package="made_to_measure")
class MomentumSGD(keras.optimizers.Optimizer):
    """Gradient descent that remembers its direction.

    Formula: `velocity = momentum * velocity - learning_rate * gradient`, then
    `variable += velocity`, or with Nesterov's momentum
    `variable += momentum * velocity - learning_rate * gradient`.

    Args:
        learning_rate: Float from 0 up, or a
            `keras.optimizers.schedules.LearningRateSchedule`.
        momentum: Float from 0 to below 1. Defaults to `0.9`.
        nesterov: Boolean, whether to use Nesterov's form. Defaults to `False`.
        **kwargs: `name`, `clipnorm`, `weight_decay`, `use_ema` and the
            others, as for every `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If an argument is out of its bounds.

    Example:
        >>> model.compile(MomentumSGD(0.1, momentum=0.8), loss="mse")

    Reference:
        [Sutskever et al., 2013](https://proceedings.mlr.press/v28/sutskever13)
    """

    def __init__(self, learning_rate, momentum=0.9, nesterov=False, **kwargs):
        super().__init__(checked_rate(learning_rate), **kwargs)
        self.momentum = checked_number("momentum", momentum, least=0, below=1)
        self.nesterov = checked_boolean("nesterov", nesterov)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        momentum = ops.cast(self.momentum, dtype)
        rate = ops.cast(learning_rate, dtype)
        change = ops.multiply(ops.cast(gradient, dtype), -rate)
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(velocity, ops.add(momentum * velocity, change))
        ahead = ops.add(momentum * velocity, change)
        self.assign_add(variable, ahead if self.nesterov else velocity)

    def get_config(self):
        arguments = {"momentum": self.momentum, "nesterov": self.nesterov}
        return {**super().get_config(), **arguments}


@keras.saving.register_keras_serializable(package="made_to_measure")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises along a line and falls along a cosine.

    Formula: `peak * step / warmup_steps` up to `warmup_steps`; then
    `peak * (final_share + (1 - final_share) * (1 + cos(pi * part)) / 2)`, where
    `part` is the share of `decay_steps` that is over, at most 1.

    Args:
        peak: Positive float. The largest learning rate.
        warmup_steps: Integer from 0 up. Steps until the peak.
        decay_steps: Integer from 1 up. Steps from the peak to the end.
        final_share: Float from 0 to 1. The last learning rate as a share of
            the peak. Defaults to `0.0`.

    Raises:
        ValueError: If an argument is out of its bounds.

    Example:
        >>> MomentumSGD(WarmupCosine(0.1, warmup_steps=25, decay_steps=75))

    Reference:
        [Loshchilov and Hutter, 2017](https://arxiv.org/abs/1608.03983)
    """

    def __init__(self, peak, warmup_steps, decay_steps, final_share=0.0):
        self.peak = checked_number("peak", peak, above=0)
        checked = functools.partial(checked_number, whole=True)
        self.warmup_steps = checked("warmup_steps", warmup_steps, least=0)
        self.decay_steps = checked("decay_steps", decay_steps, least=1)
        self.final_share = checked_number(
            "final_share", final_share, least=0, most=1
        )

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = step / max(self.warmup_steps, 1)
        part = (step - self.warmup_steps) / self.decay_steps
        cosine = (1 + ops.cos(math.pi * ops.clip(part, 0, 1))) / 2
        falling = self.final_share + (1 - self.final_share) * cosine
        return self.peak * ops.where(step < self.warmup_steps, rising, falling)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "decay_steps": self.decay_steps,
            "final_share": self.final_share,
        }


def find_in_logs(logs, name):
    """Finds a number in the logs of an epoch.

    Args:
        logs: Dictionary from names to numbers, as a callback is given it.
        name: Name of a loss or metric.

    Returns:
        The number, a `float`.

    Raises:
        ValueError: If there is none of this name. The message lists those that
            there are.
    """
    if not isinstance(name, str) or name not in (logs or {}):
        hint = ""
        if str(name).startswith("val_"):
            hint = " Give `fit` validation data, used in each epoch."
        there = ", ".join(map(repr, logs or {})) or "none"
        raise ValueError(
            f"`monitor` must be a name in the logs of an epoch. There are: "
            f"{there}.{hint} Received: monitor={name!r}"
        )
    return float(logs[name])


def show_live(handle, draw, alt, last=False):
    """Shows a figure in a notebook, in the place of the one before.

    Args:
        handle: What the call before returned, or `None` the first time.
        draw: Function that draws on axes.
        alt: What the figure shows, in words, the same each time.
        last: Whether no other will follow.

    Returns:
        A handle for the next call, or `None` outside a notebook.
    """
    if getattr(IPython.get_ipython(), "kernel", None) is None:
        return None
    picture = {"text/plain": f"Figure: {alt}"}
    picture["image/png"] = draw_png(draw, 1, (5.2, 3.3))
    if handle is None:
        show = IPython.display.display
        handle = show(picture, raw=True, display_id=True)
    if last:
        handle.update(explore(draw, alt=alt))
    else:
        handle.update(picture, raw=True)
    return handle


def draw_curves(ax, values):
    """Draws numbers over the epochs, each with its name.

    Args:
        ax: Axes to draw on.
        values: Dictionary from names to dictionaries from epochs to numbers.
    """
    colours = BLUE, VERMILLION, GREEN, INK
    looks = itertools.cycle(itertools.product(("-", "--", ":"), colours))
    for name, record in values.items():
        style, colour = next(looks)
        look = {"color": colour, "linestyle": style, "label": name}
        marker = "." if len(record) < 2 else ""
        ax.plot(list(record), list(record.values()), marker=marker, **look)
    ax.legend(loc="upper right")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel="value")


class LossCurve(keras.callbacks.Callback):
    """Draws losses and metrics while a model trains, in one display.

    Outside a notebook it shows nothing. `values` has a dictionary from epochs
    to numbers for each name, and `draw` draws them on any axes.

    Args:
        *monitor: Names in the logs. Defaults to `"loss"`, and `"val_loss"` if
            there is one.
        every: Integer from 1 up. Epochs from one picture to the next.

    Raises:
        ValueError: If `every` is not such a number, or after an epoch whose
            logs lack a name. So validate in each epoch.

    Example:
        >>> model.fit(x, y, callbacks=[LossCurve()])
    """

    def __init__(self, *monitor, every=1):
        super().__init__()
        self.monitor = monitor
        self.every = checked_number("every", every, least=1, whole=True)
        self.values, self.handle = {}, None

    def on_train_begin(self, logs=None):
        self.values, self.handle = {}, None

    def on_epoch_end(self, epoch, logs=None):
        usual = [name for name in ("loss", "val_loss") if name in (logs or {})]
        for name in self.monitor or usual:
            number = find_in_logs(logs, name)
            self.values.setdefault(name, {})[epoch + 1] = number
        if (epoch + 1) % self.every == 0:
            self.show()

    def on_train_end(self, logs=None):
        self.show(last=True)

    def show(self, last=False):
        alt = f"After each epoch: {', '.join(self.values)}."
        if self.values:
            self.handle = show_live(self.handle, self.draw, alt, last)

    def draw(self, ax):
        draw_curves(ax, self.values)


class StopOnPlateau(keras.callbacks.Callback):
    """Stops a training that gets no better, or that is lost.

    An epoch is better if it improves on the best one by more than
    `min_delta`. The training stops `patience` epochs after the best one, and at
    once when the loss or the monitored value is infinite or NaN.

    Args:
        monitor: Name in the logs. Defaults to `"val_loss"`.
        patience: Integer from 1 up. Epochs to wait for a better one.
        min_delta: Float from 0 up, in the unit of the monitored value.
        mode: `"min"` if less is better, `"max"` if more is.

    Raises:
        ValueError: If an argument is out of its bounds, or after an epoch
            whose logs lack `monitor`. So validate in each epoch.

    Example:
        >>> model.fit(x, y, callbacks=[StopOnPlateau("loss", patience=3)])
    """

    def __init__(self, monitor="val_loss", patience=5, min_delta=0, mode="min"):
        super().__init__()
        if mode not in ("min", "max"):
            raise ValueError(
                f"`mode` must be 'min' or 'max'. Received: mode={mode!r}"
            )
        self.monitor = monitor
        self.sign = 1 if mode == "min" else -1
        wait = checked_number("patience", patience, least=1, whole=True)
        self.patience = wait
        self.min_delta = checked_number("min_delta", min_delta, least=0)

    def on_train_begin(self, logs=None):
        self.best = self.best_epoch = self.stopped_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        value = find_in_logs(logs, self.monitor)
        loss = float(logs.get("loss", value))
        lost = not (math.isfinite(value) and math.isfinite(loss))
        best = self.sign * math.inf if self.best is None else self.best
        if not lost and self.sign * (best - value) > self.min_delta:
            self.best, self.best_epoch = value, epoch
        elif lost or epoch - self.best_epoch >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True
