"""Input of a first forward -> an ordinary module. The one mechanism of all lazy modules.

A lazy class says which arguments of its eager class the input decides, and how::

    class LazyScale(LazyMixin, Scale):
        infers = ("features",)

        def __init__(self, gain=1.0, device=None, dtype=None):
            super().__init__(features=0, gain=gain, device=device, dtype=dtype)

        def infer(self, input):
            return {"features": input.shape[-1]}

Construction builds the eager class with the placeholders given (``features=0``) and makes its
parameters and buffers shapeless. The first forward builds an eager *reference* with the inferred
sizes, moves its tensors into the shapeless ones (the same objects, so that an optimizer made
earlier keeps working), takes over the attributes that the sizes decide, and changes the class.
So the values, the draws from the random generator and the argument checks are the eager class's
own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from threading import RLock, get_ident
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from lazyinspect.lazy.become import Become, check_target, eager_class, inherited_target
from lazyinspect.lazy.calls import check_call, explain, refuse_lent_tensors
from lazyinspect.lazy.checkpoint import take_shapes
from lazyinspect.lazy.errors import InferenceError, format_inputs, name_of
from lazyinspect.lazy.initialisation import zeros_wanted
from lazyinspect.lazy.placement import apply_to_shapeless, placement
from lazyinspect.lazy.sizes import checked_sizes
from lazyinspect.lazy.tracing import no_entry, untraced
from lazyinspect.lazy.transplant import (
    LazyState,
    adopt,
    check_agreement,
    check_structure,
    fill,
    forget_shapes,
    is_fresh,
    keep_placement_in_copies,
    lay_out,
    lazy_tensors,
    leave_template,
    pairs,
    sized_scalars,
    tie,
    ties,
)
from lazyinspect.lazy.undo import Undo, rng_state, set_rng_state
from lazyinspect.lazy.watch import announce

_ONE_AT_A_TIME = RLock()
"""Threads that share a network materialise one module after another."""


class LazyMixin(LazyModuleMixin, nn.Module):
    """Base of every lazy module: first in the bases, before the eager class.

    A subclass without a ``cls_to_become`` of its own becomes its parent's, unless it defines
    methods or attributes: then it keeps its class, and them, and only its weights change.
    """

    infers: ClassVar[tuple[str, ...]] = ()
    """Arguments of the eager constructor that the first input decides."""
    template_device: ClassVar[str | None] = None
    """Where placeholders are built; None: on the module's own device. ``"meta"`` where they are
    not empty or draw random values."""
    _dispatches_forward = True
    _lazy: LazyState

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        target = own["cls_to_become"] if "cls_to_become" in own else inherited_target(cls)
        check_target(cls, target)
        cls.cls_to_become = Become(target)  # type: ignore[assignment]  # reads as what it holds

    def __init__(
        self, *, device: Any = None, dtype: torch.dtype | None = None, **arguments: Any
    ) -> None:
        own = {name: value for name, value in arguments.items() if name not in self.infers}
        state = LazyState(own)
        self.__dict__["_lazy"] = state
        if eager_class(type(self)) is not nn.Module:
            arguments["device"] = self.template_device or device
            arguments["dtype"] = dtype
        states = rng_state(set())
        super().__init__(**arguments)
        set_rng_state(states)
        tied = ties(self)
        forget_shapes(self, state, device, dtype)
        for child in self.children():
            _make_part(child, device, dtype)
            if self.template_device is not None:
                leave_template(child, self.template_device, device)
        tie(self, tied)
        state.constructing = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "cls_to_become":  # nn.Module would make a child of a module
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    # What a lazy class describes

    def infer(self, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        """The arguments in ``infers``, from the inputs of a forward. Changes nothing.

        The one method that every lazy class defines.

        Raises:
            InferenceError: the input does not tell them.
            NotImplementedError: the class does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no infer()")

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
        """The arguments in ``infers``, from shapes of a checkpoint's tensors by name.

        A ``KeyError`` or None means that they do not tell: the loaded values are kept and
        compared with what the first forward infers.
        """
        return None

    def shapes(self, sizes: Mapping[str, Any]) -> Mapping[str, tuple[int, ...]] | None:
        """Shapes of all tensors by name, given the arguments in ``infers``; None: ask a reference.

        Optional, and faster than building one. For an eager class that keeps those arguments as
        attributes of their names, and whose ``reset_parameters`` initialises every tensor.
        """
        return None

    def materialised(self) -> None:
        """Called when all tensors have their shape, before the class changes."""

    # The first forward

    @no_entry
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # nn.Module's by name: torch.compile holds on to this method when the class has changed
        if "_lazy" not in self.__dict__:
            return nn.Module.__call__(self, *args, **kwargs)
        return LazyMixin._first_call(self, args, kwargs)

    @untraced
    def _first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        state = self.__dict__.get("_lazy")
        if state is None:  # another thread was first
            return nn.Module.__call__(self, *args, **kwargs)
        if self._initialize_hook.id not in self._forward_pre_hooks:
            # copy.copy shares the dictionary of hooks, and the copy had its first forward
            hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)
            self._initialize_hook = hook
        try:
            if self._compiled_call_impl is not None:  # module.compile(): from the next call on
                return nn.Module._call_impl(self, *args, **kwargs)  # type: ignore[no-untyped-call]
            return nn.Module.__call__(self, *args, **kwargs)
        except BaseException as error:
            undo = state.undos.get(get_ident())
            if undo is not None:
                undo.restore()
                explain(self, args, kwargs, error)
            raise
        finally:
            state.undos.pop(get_ident(), None)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The forward of what the module has become."""
        # nn.Module looks forward up before the hook that changes the class
        now: Any = type(self)
        if not issubclass(now, LazyMixin):
            return now.forward(self, *args, **kwargs)
        if "_lazy" in self.__dict__:
            raise InferenceError(
                f"{name_of(self)} has no weights yet: call the module itself, not its forward"
            )
        return super().forward(*args, **kwargs)

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """The forward pre-hook; torch.compile calls it too, by this name."""
        with _ONE_AT_A_TIME:
            if "_lazy" not in module.__dict__:  # another thread was first, or a user's hook
                return
            refuse_lent_tensors(module)
            undo = Undo(module)
            lazy_class, state = type(module), module.__dict__["_lazy"]
            try:
                # tensors made in inference mode could not be trained afterwards
                with torch.inference_mode(False), torch.no_grad():
                    module.initialize_parameters(*args, **(kwargs or {}))
                if module.has_uninitialized_params():
                    raise InferenceError(f"{name_of(module)} has not been fully initialized")
                module._finalise()
            except BaseException:
                undo.restore()
                raise
            state.undos[get_ident()] = undo
            announce(module, lazy_class, undo)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Infer the sizes from the inputs and give every tensor its shape and first value.

        Raises:
            InferenceError: they cannot be inferred, or disagree with tensors already there.
        """
        try:
            sizes = self.infer(*args, **kwargs)
        except TypeError:
            check_call(self, args, kwargs)
            raise
        self._materialise(checked_sizes(self, sizes, lambda: format_inputs(args, kwargs)))

    def _reference(
        self, sizes: Mapping[str, Any], device: torch.device, dtype: torch.dtype | None
    ) -> nn.Module:
        """The eager module that this one is to equal.

        Raises:
            InferenceError: the eager constructor refuses the sizes.
        """
        state = self._lazy
        arguments = dict(state.arguments)
        for name in arguments:
            if name in state.template and self.__dict__.get(name) != state.template[name]:
                arguments[name] = self.__dict__[name]  # set by hand since construction
        eager = eager_class(type(self))
        try:
            return eager(**arguments, **sizes, device=device, dtype=dtype)
        except (ValueError, AssertionError) as error:
            inferred = ", ".join(f"{name}={value}" for name, value in sizes.items())
            raise InferenceError(
                f"{name_of(self)} cannot become {eager.__name__}({inferred}): {error}"
            ) from None

    def _materialise(self, sizes: Mapping[str, Any], given: Collection[str] = ()) -> None:
        """Give every tensor its shape, and its first value unless it is ``given`` one later."""
        shapes = None if given else self.shapes(sizes)
        if shapes is not None and is_fresh(self, shapes):
            fill(self, shapes, sizes)
            if not zeros_wanted():
                self.reset_parameters()
            lay_out(self)
            self.materialised()
            return
        device, dtype = placement(self)
        draw = not zeros_wanted() and any(name not in given for name, _ in lazy_tensors(self))
        if not draw and sized_scalars(self):
            states = rng_state({device})
            reference = self._reference(sizes, device, dtype)
            set_rng_state(states)
        else:
            place = device if draw else torch.device("meta")
            reference = self._reference(sizes, place, dtype)
        check_structure(self, reference)
        matched = list(pairs(self, reference))
        for own, like in matched:
            check_agreement(self, own, like)
        with torch._C.DisableTorchFunctionSubclass():
            for own, like in matched:
                adopt(own, like)
        self.materialised()

    def _finalise(self) -> None:
        """Become what ``cls_to_become`` says; nothing of the lazy module is left."""
        target = self.cls_to_become
        check_target(type(self), target)
        for name in ("_initialize_hook", "_load_hook"):
            self.__dict__.pop(name).remove()
        if self._modules:
            parts: list[Any] = [child for child in self.modules() if isinstance(child, LazyPart)]
            for part in parts:
                del part.__dict__["_lazy"]
                part.__class__ = eager_class(type(part))
        del self.__dict__["_lazy"]
        if target is not None:
            self.__class__ = target

    def reset_parameters(self) -> None:
        """As the eager class's; nothing while there is nothing to reset."""
        state = self.__dict__.get("_lazy")
        if state is None or not (state.constructing or self.has_uninitialized_params()):
            super().reset_parameters()  # type: ignore[misc]  # the eager class's

    # Checkpoints, copies, moves

    def _lazy_load_hook(self, *args: Any) -> None:
        """Nothing: ``_load_from_state_dict`` below does it, since a hook cannot refuse."""

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        if "_lazy" in self.__dict__:
            try:
                take_shapes(self, state_dict, prefix)
            except InferenceError as error:
                error_msgs.append(str(error))
                return
        # the class may have changed by now
        load: Any = super() if isinstance(self, LazyMixin) else self
        load._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        keep_placement_in_copies(self)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        state = self.__dict__.get("_lazy")
        if state is None:
            return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return apply_to_shapeless(self, super()._apply, fn)

    def extra_repr(self) -> str:
        """As what the module is to become prints itself."""
        if "_lazy" in self.__dict__ and self.cls_to_become is not None:
            try:
                return str(self.cls_to_become.extra_repr(self))
            except (TypeError, AttributeError):
                pass  # it needs an instance of its own class
        return super().extra_repr()

    def _replicate_for_data_parallel(self) -> Any:
        if "_lazy" in self.__dict__:
            return super()._replicate_for_data_parallel()
        replica: Any = super(LazyModuleMixin, self)
        return replica._replicate_for_data_parallel()


class LazyPart(LazyMixin):
    """A child of a lazy module that is materialised by it. Has no inference of its own."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise InferenceError(
            f"{name_of(self)} is part of a lazy module, which gives it its sizes: call that one"
        )

    def _load_from_state_dict(self, *args: Any) -> None:
        """Nothing: the owner, which is asked first, has refused or had nothing to load."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        state: Any = self.__getstate__()  # type: ignore[no-untyped-call]
        return _new_part, (eager_class(type(self)),), state


_PART_CLASSES: dict[type[nn.Module], type[LazyPart]] = {}


def _part_class(eager: type[nn.Module]) -> type[LazyPart]:
    if eager not in _PART_CLASSES:
        _PART_CLASSES[eager] = type(f"Lazy{eager.__name__}", (LazyPart, eager), {})
    return _PART_CLASSES[eager]


def _new_part(eager: type[nn.Module]) -> LazyPart:
    part: LazyPart = object.__new__(_part_class(eager))
    return part


def _make_part(module: nn.Module, device: Any, dtype: torch.dtype | None) -> None:
    """Make an ordinary child shapeless; children without tensors stay as they are."""
    for child in module.children():
        _make_part(child, device, dtype)
    if not (module._parameters or module._buffers) or isinstance(module, LazyModuleMixin):
        return
    state = LazyState({}, constructing=False)
    module.__class__ = _part_class(type(module))
    module.__dict__["_lazy"] = state
    forget_shapes(module, state, device, dtype)
