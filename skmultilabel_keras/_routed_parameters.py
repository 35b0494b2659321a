"""How routed parameters are held, read, set and cloned.

Owns: ``get_params``, ``set_params`` and ``clone`` of an estimator that takes parameters beyond
those of its signature.
Does not own: which names and values are legal (``_parameters``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

import keras
from sklearn.base import BaseEstimator, clone

from skmultilabel_keras._keras_objects import packed, unpacked
from skmultilabel_keras._parameters import PREFIXES, check_parameter_names

# Parameters that say what a network is built from, the one that wins first.
_BUILDS = ("build_fn", "model")


class RoutedParameters:
    """Mixin for estimators with declared and with routed parameters.

    Declared parameters are attributes, as in scikit-learn. Routed ones stand in one private dict,
    for scikit-learn wants a constructor to set nothing else that is public; they are read, set and
    deleted like attributes all the same. To stand before the estimator among the bases.
    """

    build_fn: Any
    model: Any
    _routed_params: dict[str, Any]
    warm_start: bool

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Return the names in the constructor, and in those of bases that it passes others to."""
        return list(_parameter_names(cls))  # type: ignore[arg-type]

    def _set_routed(self, params: Mapping[str, Any]) -> None:
        """Take what a constructor got beyond its declared parameters."""
        self._check_names(params, TypeError)
        self._routed_params = dict(params)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters, declared and routed.

        Parameters
        ----------
        deep : bool, default=True
            Has no effect; there are no nested estimators.

        Returns
        -------
        dict
        """
        declared = {name: getattr(self, name) for name in self._get_param_names()}
        return declared | vars(self).get("_routed_params", {})

    def set_params(self, **params: Any) -> Self:
        """Set parameters, declared or routed.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an unknown name, with the nearest known ones; nothing is set then.
        """
        self._check_names(params, ValueError, **{k: params[k] for k in _BUILDS if k in params})
        for name, value in params.items():
            if name in self._get_param_names():
                setattr(self, name, value)
            else:
                self._routed_params = {**vars(self).get("_routed_params", {}), name: value}
        return self

    def _has_routed(self, prefix: str) -> bool:
        """Tell whether any parameter stands behind ``prefix__``."""
        start = f"{prefix}__"
        declared = _declared_as_routed(type(self))  # type: ignore[arg-type]
        names = (*declared, *vars(self).get("_routed_params", ()))
        return any(name.startswith(start) for name in names)

    def __getattr__(self, name: str) -> Any:
        routed = vars(self).get("_routed_params", {})
        if name in routed:
            return routed[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        prefix, _, rest = name.partition("__")
        is_new = rest and prefix in PREFIXES and name not in self._get_param_names()
        if is_new or name in vars(self).get("_routed_params", {}):
            self.set_params(**{name: value})
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        routed = vars(self).get("_routed_params", {})
        if name in routed:
            self._routed_params = {k: v for k, v in routed.items() if k != name}
        else:
            super().__delattr__(name)

    def _check_names(
        self, params: Mapping[str, Any], error: type[Exception], **builds: Any
    ) -> None:
        """Raise for names that are unknown, given what the network is built from."""
        models = [builds.get(name, getattr(self, name)) for name in _BUILDS]
        function = next((model for model in models if _is_build_function(model)), None)
        check_parameter_names(type(self).__name__, params, self._get_param_names(), function, error)

    __repr__ = BaseEstimator.__repr__

    def __sklearn_clone__(self) -> Self:
        # A Keras model is copied by each fit; copying it for each clone too would be for nothing.
        shared = () if self.warm_start else (keras.Model,)
        params = {
            name: value if isinstance(value, shared) else unpacked(clone(packed(value), safe=False))
            for name, value in self.get_params(deep=False).items()
        }
        declared = self._get_param_names()
        fresh = type(self)(**{name: params.pop(name) for name in declared})
        if params:
            fresh._routed_params = params
        for name in ("_metadata_request", "_sklearn_output_config"):
            if name in vars(self):
                setattr(fresh, name, clone(vars(self)[name], safe=False))
        return fresh


@functools.lru_cache(maxsize=64)
def _parameter_names(cls: type) -> tuple[str, ...]:
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in vars(base):
            parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
            names |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
            if all(p.kind is not p.VAR_KEYWORD for p in parameters):
                break
    return tuple(sorted(names - {"self"}))


@functools.lru_cache(maxsize=64)
def _declared_as_routed(cls: type) -> tuple[str, ...]:
    """Return the routed names that a subclass has in its constructor."""
    return tuple(name for name in _parameter_names(cls) if "__" in name)


def _is_build_function(model: Any) -> bool:
    return callable(model) and not isinstance(model, (keras.Model, type))


def signature_of_declared(function: Callable[..., Any]) -> inspect.Signature:
    """Return a constructor's signature without the keyword that takes routed parameters."""
    signature = inspect.signature(function)
    kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    return signature.replace(parameters=kept)
