"""KerasMultiLabelClassifier: the estimator.

Owns: parameters, the order of ``fit`` and ``predict``, what a fitted estimator holds, tags.
Does not own: targets (``_targets``, ``_target_encoder``), heads (``_heads``), networks
(``_building``) and what they are compiled with (``_compiling``), training (``_tensorflow``),
parameters (``_parameters``, ``_routed_parameters``).
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skmultilabel_keras._building import (
    build_network,
    find_priors,
    find_scalers,
    network_state,
    note_network,
    optimized_variables,
    resolve_model,
    set_network_state,
    split_network,
)
from skmultilabel_keras._class_weight import (
    label_shares,
    resolve_class_weight,
    resolve_label_weight,
)
from skmultilabel_keras._compat import isolated_build, released_after
from skmultilabel_keras._compiling import (
    callbacks_of_call,
    compile_network,
    inform_loss,
    needs_prior,
    resolve_callbacks,
    weights_are_copies,
)
from skmultilabel_keras._documents import check_documents, holds_texts
from skmultilabel_keras._heads import Reading, count_units
from skmultilabel_keras._keras_objects import packed, unpacked
from skmultilabel_keras._monitoring import ValidationScores, improvement_of
from skmultilabel_keras._parameters import (
    FIT_OPTIONS,
    PARAMETER_CONSTRAINTS,
    PREDICT_OPTIONS,
    call_options,
    changed_parameters,
    check_model_parameters,
    check_routed_parameters,
    check_thresholds,
    decision_rule_of,
    params_behind,
    resolve_seed,
    score_names,
    score_recipe,
)
from skmultilabel_keras._recipes import AUTO, choose_recipe, complete, what_is_open
from skmultilabel_keras._routed_parameters import RoutedParameters, signature_of_declared
from skmultilabel_keras._rows import Rows, bin_edges, feature_statistics, prior_logits
from skmultilabel_keras._target_encoder import (
    TargetEncoder,
    has_missing,
    require_known_labels,
)
from skmultilabel_keras._targets import read_classes, read_targets, require_same_classes
from skmultilabel_keras._tensorflow.frozen import TrainedPart, trained_part
from skmultilabel_keras._tensorflow.functions import NetworkFunctions
from skmultilabel_keras._tensorflow.prediction import in_predictions, predict_outputs
from skmultilabel_keras._tensorflow.process import prepare_process
from skmultilabel_keras._tensorflow.training import TrainingPlan, find_host_callback, train
from skmultilabel_keras._validation import (
    check_features,
    check_sample_weight,
    in_order_of_labels,
    order_parameters,
)
from skmultilabel_keras.decision_rules import DecisionRule
from skmultilabel_keras.model_selection import split_validation
from skmultilabel_keras.networks import BackboneInput, FeatureScaler, PiecewiseLinear, is_for_text

# Share of the rows that early stopping watches where no share is given, as in scikit-learn.
_EARLY_STOPPING_SPLIT = 0.1

# The parameter that may change between fits that go on, from one number to another.
_RATE = "optimizer__learning_rate"

# Parameters of losses with a number for each label.
_BY_LABEL = {"loss__label_weight", "loss__prior"}

# SciKeras' names of what targets are, for model functions written for it.
_TARGET_TYPES = {
    "independent": "multilabel-indicator",
    "one_hot": "multiclass-onehot",
    "binary": "binary",
    "classes": "multiclass",
}


class KerasMultiLabelClassifier(RoutedParameters, KerasClassifier):
    """Keras network as a scikit-learn classifier for several labels per row.

    Trains a network with sigmoid outputs and binary cross-entropy on label indicators; 1-D
    targets, or indicators with ``exclusive=True``, get softmax outputs and the categorical one.
    What ``fit`` and ``predict`` mean follows from the container of the targets and from the
    parameters, never from the values in a training fold.

    Parameters
    ----------
    model : str, callable or keras.Model, default="auto"
        The network. "auto" chooses it, and how it is trained, from the kind and size of the rows
        (tables, sparse rows, images or strings), and for tables from how rare labels are;
        ``recipe_`` says what was chosen. Or one of
        :mod:`skmultilabel_keras.networks` by name: "mlp", "linear" or "ensemble" for tables,
        "cnn" or "transfer" for images, "text" for strings.
        A function ``(meta, ...) -> keras.Model`` as in SciKeras. Or a Keras model, compiled or
        not, which is copied with its weights for each fit. None calls the method
        ``_keras_build_fn`` of a subclass, as in SciKeras.
    build_fn : callable or keras.Model, default=None
        SciKeras' old name of ``model``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last one. A Keras model is then trained in
        place.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, dropout, row order and the validation rows. With an integer two
        clones fitted on the same data agree bit by bit. No global generator is seeded or read.
    optimizer : str, class or keras.optimizers.Optimizer, default="auto"
        "auto" is "adam", with settings that fit the network where that is chosen too. Routed
        parameters: ``optimizer__learning_rate=1e-3``.
    loss : str, class, callable or keras.losses.Loss, default=None
        None takes the loss that fits the targets. A name or a class is one of
        :mod:`skmultilabel_keras.losses` ("focal", "asymmetric", "zlpr", ...) or of Keras; whether
        it works on logits or probabilities is set from the network's last layer. Routed
        parameters: ``loss__gamma=2.0``.
    metrics : str, class, callable, keras.metrics.Metric or list of these, default=None
        Logged each epoch, on probabilities. "accuracy" is the one that fits the targets. Names of
        :func:`~skmultilabel_keras.multilabel_scorers`, with or without ``neg_``, are computed on
        the validation rows after each epoch: "f1_micro" is logged as "val_f1_micro". They need
        validation rows and a label indicator.
    batch_size : int, default=None
        Rows per training step; -1 for all. None takes what fits a chosen network; else 64, or a
        hundredth of the rows up to 512.
    validation_batch_size : int, default=None
        Rows per evaluation step; None takes ``batch_size``.
    verbose : int or "auto", default=0
        1 shows a progress bar.
    callbacks : keras.callbacks.Callback, class, list or dict of these, default=None
        Keras callbacks; classes take routed parameters, ``callbacks__patience=3``.
    validation_split : float, default=0.0
        Share of the rows set aside for validation, drawn at random with each label in
        proportion.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new random order.
    run_eagerly : bool, default=False
        Whether steps run without a compiled function, for debugging.
    epochs : int or "auto", default="auto"
        Passes over the training rows. "auto" takes what fits a chosen network, else 100.
    class_weight : dict, "balanced", array-like of shape (n_labels,) or None, default=None
        For a label indicator, weights of its labels inside the loss: a number for each label;
        ``{label: weight}`` or ``{label: {0: w0, 1: w1}}``, with 1 for all others; or "balanced",
        which gives the entries 0 and 1 of each label the same weight in all. With
        ``exclusive=True`` the same forms weigh rows by their class. For 1-D targets, weights of
        the classes as in scikit-learn.
    decision_rule : float, array-like of shape (n_labels,), str or DecisionRule, default=None
        What makes labels of probabilities in ``predict``: a threshold, one for each label, the
        name of a rule ("example_f", "top_k", ...), or a rule of
        :mod:`skmultilabel_keras.decision_rules`, which is copied for each fit. None decides
        labels above one half. Routed parameters: ``decision_rule__beta=2``. For label indicators
        only.
    exclusive : bool, default=False
        Whether every row of a label indicator holds exactly one label (one-hot classes).
    label_names : array-like of shape (n_labels,), default=None
        All labels, in the order of the columns. Declares labels that may be absent from lists of
        label names or from 1-D labels, and names the columns of an indicator without names.
        Classes of 1-D targets are sorted, whatever their order here.
    early_stopping : bool, default=False
        Whether training stops when ``monitor`` has not improved for ``n_iter_no_change`` epochs,
        and takes the best weights back. Uses ``validation_data`` or ``validation_split``, 0.1 if
        neither is given.
    n_iter_no_change : int, default=10
        Epochs without improvement after which early stopping ends training.
    monitor : str, default="val_loss"
        What early stopping watches: an entry of ``history_``, such as "val_loss", or ``val_`` and
        one of the names that ``metrics`` takes.
    engine : {"auto", "keras"}, default="auto"
        What trains the network. "auto" runs whole epochs in one compiled function, shared by all
        fits of like networks, where it can, and Keras' own ``fit`` otherwise; ``engine_`` tells
        which and why. "keras" takes Keras' ``fit`` in any case.
    jit_compile : bool or "auto", default="auto"
        Whether XLA compiles training. "auto" decides from the layers, the size and the number of
        steps; see the user guide.
    **kwargs : dict
        Parameters routed by prefix: ``model__``, ``optimizer__``, ``loss__``, ``metrics__``,
        ``compile__``, ``callbacks__``, ``fit__``, ``predict__``, ``score__``,
        ``decision_rule__``; and parameters of
        the model function without prefix. Unknown names raise.

    Attributes
    ----------
    model_ : keras.Model
        The fitted network. The outputs of built-in networks are logits.
    history_ : dict of str to list of float
        Loss, metrics and their ``val_`` versions for each epoch.
    classes_ : ndarray of shape (n_labels, 2) or (n_classes,)
        ``[0, 1]`` for each label of an indicator, as scikit-learn's scorers and
        ``cross_val_predict`` expect it; the classes of 1-D targets.
    label_names_ : ndarray of shape (n_labels,)
        Names of the labels; numbers where the targets have none.
    n_labels_ : int
        Number of labels or classes.
    n_features_in_ : int
        Number of features; not set for texts.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where ``X`` had string names.
    n_iter_ : int
        Number of epochs run in the last fit.
    recipe_ : dict of str to object
        The parameters that were chosen when the network was built, by name: those left at "auto",
        and what of a chosen network's parameters was left out.
    target_encoder_ : TargetEncoder
        Encodes targets and decodes predictions.
    decision_rule_ : DecisionRule or None
        The rule that decides; None for labels above one half.
    engine_ : Engine
        Which way the last fit ran: its ``name``, "shared", "own" or "keras"; ``jit_compile``,
        whether XLA compiled it; and the ``reason``.

    See Also
    --------
    skmultilabel_keras.multilabel_scorers : Scorers for grid searches.
    skmultilabel_keras.losses : Losses of label indicators.
    skmultilabel_keras.decision_rules : What makes labels of probabilities.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from skmultilabel_keras import KerasMultiLabelClassifier
    >>> X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    >>> clf = KerasMultiLabelClassifier(random_state=0, epochs=20).fit(X, Y)
    >>> clf.predict_proba(X[:2]).shape
    (2, 3)
    >>> clf.predict(X[:2]).dtype == Y.dtype
    True
    """

    _parameter_constraints = PARAMETER_CONSTRAINTS

    model_: keras.Model
    _network: keras.Model  # all of model_, or the part that is trained
    _built_with: dict[str, Any]
    _recipe: dict[str, Any]
    _label_prior: np.ndarray | None
    _own_label_weight: np.ndarray | None
    _preparation: Any
    label_names_: np.ndarray
    target_encoder_: TargetEncoder
    decision_rule_: DecisionRule | None

    def __init__(
        self,
        model: str | Callable[..., keras.Model] | keras.Model | None = "auto",
        *,
        build_fn: Callable[..., keras.Model] | keras.Model | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        optimizer: Any = "auto",
        loss: Any = None,
        metrics: Any = None,
        batch_size: int | None = None,
        validation_batch_size: int | None = None,
        verbose: int | str = 0,
        callbacks: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        run_eagerly: bool = False,
        epochs: int | str = "auto",
        class_weight: Any = None,
        decision_rule: Any = None,
        exclusive: bool = False,
        label_names: Sequence[Any] | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 10,
        monitor: str = "val_loss",
        engine: str = "auto",
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        self.model = model
        self.build_fn = build_fn
        self.warm_start = warm_start
        self.random_state = random_state
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.batch_size = batch_size
        self.validation_batch_size = validation_batch_size
        self.verbose = verbose
        self.callbacks = callbacks
        self.validation_split = validation_split
        self.shuffle = shuffle
        self.run_eagerly = run_eagerly
        self.epochs = epochs
        self.class_weight = class_weight
        self.decision_rule = decision_rule
        self.exclusive = exclusive
        self.label_names = label_names
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.monitor = monitor
        self.engine = engine
        self.jit_compile = jit_compile
        if kwargs:
            self._set_routed(kwargs)

    def __sklearn_tags__(self) -> Tags:
        # ClassifierMixin stands behind BaseEstimator in SciKeras' classes, so its tags are lost.
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags(multi_label=True)
        tags.target_tags.required = True
        reads_text = is_for_text(self.model if self.build_fn is None else self.build_fn)
        tags.input_tags.string = tags.input_tags.one_d_array = reads_text
        tags.input_tags.two_d_array = not reads_text
        tags.input_tags.sparse = not reads_text
        tags.input_tags.three_d_array = not reads_text
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return self.initialized_

    def __getstate__(self) -> dict[str, Any]:
        # A network is kept as what it was built from and the values of its variables: that works
        # for losses, metrics and layers that Keras' own format does not know.
        state = dict(super().__getstate__())
        for name in ("_functions", "_pixels", "_preparation", "model_"):
            state.pop(name, None)
        network = state.pop("_network", None)
        if network is not None:
            state["_variables"] = [variable.numpy() for variable in network_state(network)]
            state["_optimized"] = optimized_variables(network)
        return packed(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        prepare_process()
        state = unpacked(state)
        values, optimized = state.pop("_variables", None), state.pop("_optimized", {})
        super().__setstate__(state)
        if values is not None:
            self._make_network(in_place=False, is_restored_=True, vocabulary_=self._vocabulary)
            set_network_state(self._network, values, optimized)
            if self._told_loss:
                inform_loss(self._network, self._reading.n_units, **self._told_loss)

    # Fitting.

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        **kwargs: Any,
    ) -> KerasMultiLabelClassifier:
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Numeric, finite features; more than two dimensions for images and the like. For a
            network that takes text, a list, 1-D array or Series of strings.
        y : array-like, sparse matrix, DataFrame or list of label lists
            Label indicator of shape (n_samples, n_labels), lists or sets of label names, or 1-D
            classes of shape (n_samples,). NaN in an indicator stands for a missing label, which
            counts for nothing.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Non-negative weights of the rows, or of the entries of an indicator; their unit does
            not matter. Weight 0 leaves a row or an entry out.
        validation_data : tuple (X_val, y_val) or (X_val, y_val, sample_weight_val), default=None
            Rows on which loss and metrics are evaluated after each epoch.
        X_val, y_val, sample_weight_val : array-like with an entry for each row, default=None
            The same rows one by one, of the shapes of ``X``, ``y`` and ``sample_weight``, for
            scikit-learn's pipelines, which can transform and route them. Cross-validation cuts them
            into folds where they have as many rows as ``X``; the tuple above it leaves whole.
        **kwargs : dict
            Options of this call, such as ``epochs``; better given as parameters.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For data or parameters that do not fit, before any training, and where training
            diverges. The estimator stays as it was.
        """
        prepare_process()
        go_on = self.warm_start and self.initialized_
        with self._unchanged_on_error(go_on=go_on):
            options = self._check_parameters(kwargs, go_on=go_on)
            held_out = _one_validation(validation_data, X_val, y_val, sample_weight_val)
            rows = self._read_rows(X, y, sample_weight, reset=not go_on)
            if has_missing(rows.y):  # looked at first, as the rows are copied for the check
                require_known_labels(rows.y[rows.index], self.target_encoder_.label_names_)
            rows = self._begin(rows, options, go_on=go_on)
            options = complete(options, self._recipe)
            rows = self._encode(rows, options)
            rows, validation = self._set_aside(rows, options, held_out)
            self.decision_rule_ = self._learn_rule(rows)  # not from validation rows
            self._train(rows, validation, options, go_on=go_on)
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> KerasMultiLabelClassifier:
        """Train for one epoch on all of these rows, from where the last call ended.

        Nothing is set aside for validation, and early stopping has no part in it.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features. The first call sets what inputs are standardised by, the bins of features,
            and what "auto" stands for; so let it have many rows.
        y : array-like, sparse matrix, DataFrame or list of label lists
            Targets as in ``fit``.
        classes : array-like of shape (n_labels,), default=None
            All classes or label names, for the first call, where ``y`` may lack some.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Non-negative weights.
        **kwargs : dict
            Options of this call, such as ``batch_size``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in ``fit``; for a label that the first call did not see, for
            ``class_weight="balanced"``, and for a decision rule that learns from all rows, such as
            "subset_accuracy".
        TypeError
            For ``epochs``, ``initial_epoch`` and ``validation_split``.
        """
        for name in ("epochs", "initial_epoch", "validation_split"):
            if name in kwargs:
                raise TypeError(f"partial_fit trains for one epoch on all rows; drop {name!r}.")
        prepare_process()
        go_on = self.initialized_
        with self._unchanged_on_error(go_on=go_on):
            options = self._check_parameters(kwargs, go_on=go_on)
            options |= {"epochs": 1, "initial_epoch": self.current_epoch}
            if isinstance(self.class_weight, str):
                raise ValueError(
                    "partial_fit cannot tell how often classes and labels occur; pass class_weight "
                    "as a dict instead of 'balanced'."
                )
            rows = self._read_rows(X, y, sample_weight, reset=not go_on, classes=classes)
            rows = self._begin(rows, options, go_on=go_on)
            self.decision_rule_ = self._learn_rule(rows)
            if self.decision_rule_ is not None and self.decision_rule_.learns:
                raise ValueError(
                    "partial_fit cannot tell which label sets there are; decision_rule must be one "
                    f"that learns nothing, got {self.decision_rule!r}."
                )
            options = complete(options, self._recipe)
            rows = self._encode(rows, options)
            self._train(rows, None, options, go_on=go_on, keep_history=True)
        return self

    def initialize(self, X: Any, y: Any) -> KerasMultiLabelClassifier:
        """Build the network for these rows without training it.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features, by which inputs are standardised too.
        y : array-like, sparse matrix, DataFrame or list of label lists
            Targets as in ``fit``.

        Returns
        -------
        self
        """
        prepare_process()
        with self._unchanged_on_error(go_on=False):
            options = self._check_parameters({}, go_on=False)
            rows = self._read_rows(X, y, None, reset=True)
            rows = self._begin(rows, options, go_on=False)
            self.decision_rule_ = self._learn_rule(rows)
            self._set_scalers(rows)
            self._set_priors(replace(rows, y=self._reading.encode(rows.y, self.n_labels_)))
        return self

    @property
    def current_epoch(self) -> int:
        """Number of epochs in ``history_``; 0 before training."""
        return len(vars(self).get("history_", {}).get("loss", ()))

    @contextmanager
    def _unchanged_on_error(self, *, go_on: bool) -> Iterator[None]:
        """Put everything back as it was if the block raises, weights of a trained network too."""
        before = dict(vars(self))
        in_place = self.model if self.warm_start and isinstance(self.model, keras.Model) else None
        network = self._network if go_on else in_place
        put_back = None if network is None else note_network(network)
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if put_back is not None:
                put_back()
            raise

    def _check_parameters(self, call: Mapping[str, Any], *, go_on: bool) -> dict[str, Any]:
        """Check every parameter, and return the options of a fit."""
        self._validate_params()
        params = self.get_params()
        self._check_names(params, ValueError)
        model = self._resolved_model(params)
        if go_on:
            self._check_goes_on(params)
        check_routed_parameters(params)
        if model != AUTO:  # which network that is, the rows tell
            check_model_parameters(params, None if isinstance(model, keras.Model) else model)
        call_options(params_behind(params, "predict"), "predict", PREDICT_OPTIONS, {})
        resolve_callbacks(params, "predict__callbacks")
        options = call_options(params, "fit", FIT_OPTIONS, call)
        return options | {"callbacks": callbacks_of_call(params, "fit", call)}

    def _check_goes_on(self, params: Mapping[str, Any]) -> None:
        """Raise where parameters changed that a network which goes on cannot take over."""
        changed = changed_parameters(self._built_with, params)
        rates = [given.get(_RATE, 0.0) for given in (self._built_with, params)]
        if changed == [_RATE] and all(isinstance(rate, numbers.Real) for rate in rates):
            self._network.optimizer.learning_rate = params[_RATE]
            self._built_with = dict(params)
        elif changed:
            raise ValueError(
                f"Training goes on with the network of the last fit, but {', '.join(changed)} "
                "changed since. Put the old value back, or fit anew with warm_start=False."
            )

    def _resolved_model(self, params: Mapping[str, Any]) -> Any:
        if params["build_fn"] is not None:
            return resolve_model(params["build_fn"])
        if params["model"] is None and hasattr(type(self), "_keras_build_fn"):
            return self._keras_build_fn
        return resolve_model(params["model"])

    def _read_rows(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool,
        classes: Any = None,
        for_training: bool = True,
    ) -> Rows:
        """Check features, targets and weights, and learn what the targets are on ``reset``."""
        if y is None:
            read_targets(y)  # raises: scikit-learn's own check would speak of X
        if reset:
            self._text_input = self._reads_text(X)
        X = self._read_features(X, reset=reset, min_samples=1)
        check_consistent_length(X, y)
        if classes is not None:
            classes = read_classes(classes, y)
            if not (reset or classes is None):
                require_same_classes(classes, self.label_names_, self.target_encoder_.meaning_)
        if reset:
            declared = self.label_names if classes is None else classes
            encoder = TargetEncoder(label_names=declared, exclusive=self.exclusive)
            self.target_encoder_ = encoder.fit(y)
            self.X_dtype_ = X.dtype
            self._sparse_input = sparse.issparse(X)
        encoded = self.target_encoder_.transform(y)
        independent = self._targets() == "independent"
        names = self.target_encoder_.label_names_
        weight = check_sample_weight(sample_weight, X.shape[0], names if independent else None)
        if self.class_weight is not None and not independent:
            if for_training:
                self._weight_of_classes = resolve_class_weight(
                    self.class_weight, encoded, names, weight
                )
            weight = self._weigh_classes(encoded, weight)
        if weight is None:
            return Rows(X, encoded, None, np.arange(X.shape[0]))
        counts = weight.any(axis=1) if weight.ndim == 2 else weight > 0
        return Rows(X, encoded, weight, np.flatnonzero(counts))

    def _reads_text(self, X: Any) -> bool:
        """Tell whether rows are texts for the network that is asked for, or for these rows."""
        model = self._resolved_model(self.get_params())
        return holds_texts(X) if model == AUTO else is_for_text(model)

    def _read_features(self, X: Any, *, reset: bool, min_samples: int = 0) -> Any:
        """Check features, or texts where the network takes them."""
        check = check_documents if self._text_input else check_features
        return check(self, X, reset=reset, min_samples=min_samples)

    def _prepare(self, X: Any) -> Any:
        """Return what the trained part of the network takes, made once for all rows."""
        if self._pixels is not None:
            self._pixels.check(X)
        return X if self._preparation is None else self._preparation.prepare(X)

    def _weigh_classes(self, encoded: Any, weight: np.ndarray | None) -> np.ndarray:
        """Return weights of rows that hold those of their classes."""
        by_class = self._weight_of_classes
        by_row = encoded @ by_class if encoded.ndim == 2 else by_class[encoded]
        weight = by_row if weight is None else weight * by_row
        if not weight.any():
            raise ValueError(
                "class_weight must leave a weight above zero for some row; got "
                f"{self.class_weight!r}."
            )
        return weight

    def _begin(self, rows: Rows, options: Mapping[str, Any], *, go_on: bool) -> Rows:
        """Build the network unless training goes on, learn of the labels, and prepare the rows."""
        if not go_on:
            self._build(rows, options)
        rows = replace(rows, X=self._prepare(rows.X))
        self._learn_labels(rows)
        return rows

    def _learn_labels(self, rows: Rows) -> None:
        """Learn from the labels what their weights are."""
        self._label_weight = None
        if self.class_weight is not None and self._targets() == "independent":
            if self._own_label_weight is not None:
                raise ValueError(
                    "class_weight must be None where the loss has a label_weight of its own; got "
                    f"{self.class_weight!r}. Leave out one of them."
                )
            names = self.target_encoder_.label_names_
            self._label_weight = resolve_label_weight(
                self.class_weight, rows.known_targets(), names, rows.known_weight()
            )

    def _learn_rule(self, rows: Rows) -> DecisionRule | None:
        """Return the rule that is asked for, which may learn from the training labels."""
        routed = params_behind(self.get_params(), "decision_rule")
        if self.decision_rule is None and not routed:
            return None
        if self._targets() != "independent":
            raise ValueError(
                "decision_rule must be None for classes that exclude each other, of which the most "
                f"probable one is predicted; got {self.decision_rule!r}."
            )
        names = self.target_encoder_.label_names_
        given = in_order_of_labels("decision_rule", self.decision_rule, names)
        rule = clone(decision_rule_of(given)).set_params(**routed)
        order_parameters("decision_rule", rule, names)
        rule.fit(rows.known_targets())
        check_thresholds(rule)
        return rule

    def _decide(self, outputs: np.ndarray) -> np.ndarray:
        """Return a boolean indicator, or the codes of classes; may overwrite the outputs."""
        if self.decision_rule_ is None:
            return self._reading.decide(outputs)
        return self.decision_rule_.decide(self._reading.probabilities(outputs, overwrite=True))

    def _inform_loss(self, rows: Rows, validation: Rows | None) -> None:
        """Tell the loss what it has to know of the labels: weights, shares, missing ones."""
        if self._label_prior is None and needs_prior(self._network.loss):
            self._label_prior = label_shares(rows.known_targets(), rows.known_weight())
        parts = [rows] if validation is None else [rows, validation]
        own = self._own_label_weight
        self._told_loss: dict[str, Any] = {
            "label_weight": own if self._label_weight is None else self._label_weight,
            "label_prior": self._label_prior,
            "lacks_labels": any(has_missing(part.y) for part in parts),
            "weighs_entries": any(part.weighs_entries for part in parts),
        }
        inform_loss(self._network, self._reading.n_units, **self._told_loss)

    def _build(self, rows: Rows, options: Mapping[str, Any]) -> None:
        """Build and compile a fresh network, from the seed and, for texts, their words."""
        self._label_prior = None
        self._told_loss = {}
        encoder = self.target_encoder_
        self._seed = resolve_seed(self.random_state)
        self.n_labels_ = encoder.n_labels_
        self.label_names_ = encoder.label_names_
        indicator = encoder.meaning_ == "indicator"
        self.classes_ = np.tile([0, 1], (self.n_labels_, 1)) if indicator else self.label_names_
        self._built_with = self.get_params()
        model = self._resolved_model(self._built_with)
        asked = self._built_with | {name: options[name] for name in ("epochs", "batch_size")}
        meta = self._get_metadata() | {"n_rows_": len(rows)}
        if model == AUTO:
            shares: Any = 1 / self.n_labels_
            if indicator:
                shares = label_shares(rows.known_targets(), rows.known_weight())
            meta["label_share_"] = float(np.mean(shares))
        self._recipe = choose_recipe(asked, model, meta)
        self.recipe_ = what_is_open(asked, self._recipe)
        if model == AUTO:
            chosen = self._recipe["model"]
            hint = f" model='auto' is {chosen!r} for these rows; name it to set its parameters."
            check_model_parameters(self._built_with, resolve_model(chosen), hint)
        texts = {"documents_": rows.X[rows.index]} if self._text_input else {}
        self._make_network(in_place=self.warm_start, **texts)
        self._vocabulary = getattr(self._preparation, "vocabulary", None)
        self.history_: dict[str, list[float]] = {}
        self.n_iter_ = 0
        self._epochs_trained = 0

    def _make_network(self, *, in_place: bool, **known: Any) -> None:
        """Build and compile the network that ``_built_with`` and the seed describe."""
        chosen = what_is_open(self._built_with, self._recipe)
        params = self._built_with | chosen
        for name in _BY_LABEL & params.keys():
            params[name] = in_order_of_labels(name, params[name], self.label_names_)
        meta = self._get_metadata() | known
        model = self._resolved_model(params)
        with isolated_build(self._seed):
            self.model_ = build_network(model, meta, params, in_place=in_place)
            self._preparation, self._network = split_network(self.model_)
            self._pixels = next(
                (layer for layer in self._network.layers if isinstance(layer, BackboneInput)), None
            )
            self._reading: Reading = compile_network(
                self._network, model, params, meta, self._targets(), chosen=chosen
            )
        self._own_label_weight = getattr(self._network.loss, "own_label_weight", None)
        self._functions = NetworkFunctions(self._network)

    def _targets(self) -> str:
        """Return what the targets are, in the words of the head table."""
        if self.target_encoder_.meaning_ == "indicator":
            return "one_hot" if self.target_encoder_.exclusive else "independent"
        return "binary" if self.target_encoder_.n_labels_ == 2 else "classes"

    def _get_metadata(self) -> dict[str, Any]:
        """Return what a model function may know of the data, under SciKeras' names and ours."""
        encoder = self.target_encoder_
        targets = self._targets()
        known = ("X_shape_", "X_dtype_", "n_features_in_", "feature_names_in_")
        return {
            **{name: vars(self)[name] for name in known if name in vars(self)},
            "X_sparse_": self._sparse_input,
            "classes_": self.classes_,
            "n_classes_": encoder.n_labels_,
            "label_names_": encoder.label_names_,
            "n_labels_": encoder.n_labels_,
            "n_outputs_": 1,
            "n_outputs_expected_": 1,
            "n_units_": count_units(targets, encoder.n_labels_),
            "target_type_": _TARGET_TYPES[targets],
        }

    def _encode(self, rows: Rows, options: Mapping[str, Any]) -> Rows:
        """Turn targets into what the loss expects, and merge equal rows of a single batch."""
        rows = replace(rows, y=self._reading.encode(rows.y, self.n_labels_))
        one_batch = len(rows) <= _batch_size(options["batch_size"], len(rows))
        if not (options["shuffle"] and one_batch):
            return rows
        merge = weights_are_copies(self._network) and not has_missing(rows.y)
        return rows.sort_by_content(merge=merge)

    def _set_aside(
        self, rows: Rows, options: Mapping[str, Any], validation_data: tuple[Any, ...] | None
    ) -> tuple[Rows, Rows | None]:
        """Return the training rows and those for validation."""
        if validation_data is not None:
            return rows, self._read_validation(validation_data)
        share = options["validation_split"]
        if self.early_stopping and share == 0:
            share = _EARLY_STOPPING_SPLIT
        if share == 0:
            names = score_names(self.metrics)
            if names:
                raise ValueError(
                    f"metrics {names} are computed on validation rows, of which there are none. "
                    "Set validation_split above 0, or pass validation_data to fit."
                )
            return rows, None
        train_rows, validation = split_validation(rows.y[rows.index], share, self._seed)
        _require_something_known(rows.select(validation), "validation_split must leave")
        return rows.select(train_rows), rows.select(validation).with_mean_weight_one()

    def _train(
        self,
        rows: Rows,
        validation: Rows | None,
        options: Mapping[str, Any],
        *,
        go_on: bool,
        keep_history: bool = False,
    ) -> None:
        """Train the network, and keep the logs."""
        self._inform_loss(rows, validation)
        if not go_on:
            self._set_scalers(rows)
            self._set_priors(rows)
        callbacks = options["callbacks"]
        # Keras' fit, and what acts within its epochs, is to see the network that was asked for.
        within = find_host_callback(callbacks, evaluates=validation is not None)
        whole = self.engine == "keras" or bool(within)
        part = trained_part(self._functions, rows, validation, whole=whole)
        if part.validation is not None:
            callbacks = [*self._score_callbacks(part), *callbacks, *self._stoppers()]
        first = options.get("initial_epoch", 0)
        batch_size = _batch_size(options["batch_size"], len(rows))
        plan = TrainingPlan(
            batch_size=batch_size,
            validation_batch_size=_batch_size(
                options["validation_batch_size"] or batch_size, len(validation or rows)
            ),
            epochs=first + int(options["epochs"]),
            initial_epoch=first,
            epochs_before=self._epochs_trained - (first if keep_history else 0),
            seed=self._seed,
            callbacks=callbacks,
            engine=self.engine,
            jit_compile=self.jit_compile,
            shown=self._network,
            **{name: options[name] for name in _PLANNED if name in options},
        )
        with released_after(callbacks):
            logs, self.engine_ = train(
                part.functions.model, part.rows.with_mean_weight_one(), part.validation, plan
            )
        before = self.history_ if keep_history else {}
        names = [*before, *(name for name in logs if name not in before)]
        self.history_ = {name: [*before.get(name, []), *logs.get(name, [])] for name in names}
        self.n_iter_ = len(logs.get("loss", next(iter(logs.values()), [])))
        self._epochs_trained += self.n_iter_

    def _score_callbacks(self, part: TrainedPart) -> list[ValidationScores]:
        """Return what adds our scores of the validation rows to the logs."""
        validation = part.validation
        names = score_names(self.metrics)
        watched = self.monitor.removeprefix("val_")
        if self.early_stopping and score_recipe(watched) is not None and watched not in names:
            names.append(watched)
        if not names or validation is None:
            return []
        if self._targets() not in ("independent", "one_hot"):
            raise ValueError(f"metrics {names} are for label indicators; y holds 1-D classes.")
        rows, weight = validation.index, validation.weight
        weight = None if weight is None or validation.weighs_entries else weight[rows]
        targets = validation.known_targets()
        if self.class_weight is not None and self._targets() == "one_hot" and weight is not None:
            weight = weight / (targets @ self._weight_of_classes)  # scores know no class_weight
        respond = partial(self._respond, part.functions)
        return [ValidationScores(names, validation.X[rows], targets, weight, respond)]

    def _stoppers(self) -> list[keras.callbacks.Callback]:
        """Return the callback that stops early, if that is asked for."""
        if not self.early_stopping:
            return []
        return [
            keras.callbacks.EarlyStopping(
                monitor=self.monitor,
                mode=improvement_of(self.monitor, self._network),
                patience=self.n_iter_no_change,
                restore_best_weights=True,
            )
        ]

    def _respond(self, functions: NetworkFunctions, X: Any) -> dict[str, Callable[[], np.ndarray]]:
        """Return functions that return what the methods of their names do for checked features."""
        outputs = predict_outputs(functions, X, self._reading.n_units)
        return {
            "decision_function": lambda: self._reading.logits(outputs),
            "predict_proba": lambda: self._reading.probabilities(outputs),
            "predict": lambda: self._decide(outputs.copy()),
        }

    def _read_validation(self, data: tuple[Any, ...]) -> Rows:
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise ValueError(
                "validation_data must be a tuple (X_val, y_val) or (X_val, y_val, sample_weight); "
                f"got {type(data).__name__}."
            )
        X, y, weight = data if len(data) == 3 else (*data, None)
        rows = self._read_rows(X, y, weight, reset=False, for_training=False)
        _require_something_known(rows, "validation_data must hold")
        y = self._reading.encode(rows.y, self.n_labels_)
        rows = replace(rows, X=self._prepare(rows.X), y=y)
        return rows.with_mean_weight_one()

    def _was_passed(self) -> bool:
        """Tell whether the network is a Keras model of the user's, or a copy of it."""
        return isinstance(self._resolved_model(self._built_with), keras.Model)

    def _set_scalers(self, rows: Rows) -> None:
        """Set what inputs are standardised by; a model that was passed keeps what it has."""
        keep_set = self._was_passed()
        scalers = find_scalers(self._network, FeatureScaler, keep_set=keep_set)
        names = vars(self).get("feature_names_in_")
        statistics = {
            shift: feature_statistics(rows, names, shift=shift)
            for shift in {scaler.shift for scaler in scalers}
        }
        for scaler in scalers:
            scaler.set_statistics(*statistics[scaler.shift])
        for encoder in find_scalers(self._network, PiecewiseLinear, keep_set=keep_set):
            encoder.set_edges(bin_edges(rows, encoder.n_bins))

    def _set_priors(self, rows: Rows) -> None:
        """Start biases at the priors of the labels, where a new network asks for it."""
        biases = find_priors(self._network, self._reading.n_units)
        if not biases or self._was_passed():
            return  # a model that was passed keeps its weights
        own = self._own_label_weight
        logits = prior_logits(
            rows,
            self._reading.n_units,
            exclusive=self._reading.head.activation == "softmax",
            label_weight=own if self._label_weight is None else self._label_weight,
        )
        for bias in biases:
            bias.assign(np.broadcast_to(logits, bias.shape))

    # Predicting.

    def predict_proba(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Return the probability of each label.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features; zero rows are allowed.
        **kwargs : dict
            Options of this call: ``batch_size``, ``verbose``, ``callbacks``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            float32 in [0, 1]. For 1-D targets rows sum to one, with a column for each class.
        """
        outputs = self._outputs(X, kwargs)
        return self._reading.predict_proba(outputs, overwrite=True)

    def predict_log_proba(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Return the logarithm of the probability of each label.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features.
        **kwargs : dict
            Options of this call.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            float32, -inf where ``predict_proba`` is 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X, **kwargs))

    def decision_function(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Return the logit of each label.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features.
        **kwargs : dict
            Options of this call.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), or (n_samples,) for 1-D targets of two classes
            float32. Of a network that ends in an activation, they are computed back from the
            probabilities.
        """
        outputs = self._outputs(X, kwargs)
        binary = self.target_encoder_.meaning_ == "classes" and self.n_labels_ == 2
        return self._reading.decision_function(outputs, binary=binary)

    def predict(self, X: Any, **kwargs: Any) -> Any:
        """Return the labels that the decision rule makes of the probabilities.

        Without a ``decision_rule`` these are the labels whose probability is above one half; of
        classes that exclude each other it is the most probable one.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features.
        **kwargs : dict
            Options of this call.

        Returns
        -------
        ndarray or CSR of shape (n_samples, n_labels), or ndarray of shape (n_samples,)
            CSR for sparse targets, 1-D for classes, else a 2-D array. Of the dtype of an array or
            of sparse targets; float64 for a DataFrame of floats, int64 for other DataFrames,
            objects and label lists.
        """
        outputs = self._outputs(X, kwargs)
        return self.target_encoder_.decode(self._decide(outputs))

    def predict_labels(self, X: Any, **kwargs: Any) -> list[list[Any]]:
        """Return the predicted labels by name.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features.
        **kwargs : dict
            Options of this call.

        Returns
        -------
        list of list
            The names of the predicted labels of each row, in the order of ``label_names_``.
        """
        outputs = self._outputs(X, kwargs)
        decisions = self._decide(outputs)
        if decisions.ndim == 1:
            return [[name] for name in self.label_names_[decisions].tolist()]
        return [self.label_names_[row].tolist() for row in decisions]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows whose labels are all predicted right (subset accuracy).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...)
            Features.
        y : array-like, sparse matrix, DataFrame or list of label lists
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
        """
        outputs = self._outputs(X, {})
        sample_weight = check_sample_weight(sample_weight, len(outputs))
        y_true, y_pred = self.target_encoder_.pair(y, self._decide(outputs))
        options = params_behind(self.get_params(), "score")
        return self.scorer(y_true, y_pred, sample_weight=sample_weight, **options)

    def _outputs(self, X: Any, call: Mapping[str, Any]) -> np.ndarray:
        prepare_process()
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # raises
        options, callbacks = self._prediction_options(call)
        X = self._prepare(self._read_features(X, reset=False))
        with released_after(callbacks):
            return predict_outputs(
                self._functions,
                X,
                self._reading.n_units,
                batch_size=options.get("batch_size"),
                callbacks=callbacks,
                verbose=options.get("verbose", self.verbose),
            )

    def _prediction_options(
        self, call: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[keras.callbacks.Callback]]:
        if not call and self.callbacks is None and not self._has_routed("predict"):
            return {}, []  # without a look at all parameters, which takes longer than one row
        params = self.get_params()
        options = call_options(params_behind(params, "predict"), "predict", PREDICT_OPTIONS, call)
        return options, in_predictions(callbacks_of_call(params, "predict", call))


def _one_validation(
    data: tuple[Any, ...] | None, X: Any, y: Any, sample_weight: Any
) -> tuple[Any, ...] | None:
    """Return validation rows as one tuple, however they are passed."""
    parts = {"X_val": X, "y_val": y, "sample_weight_val": sample_weight}
    given = [name for name, part in parts.items() if part is not None]
    if not given:
        return data
    if data is not None:
        raise ValueError(
            f"validation_data must be None where rows are passed as {', '.join(given)}; got both. "
            "Pass one of them."
        )
    if X is None or y is None:
        raise ValueError(
            f"X_val and y_val must be passed together; got {', '.join(given)} alone. Pass both, or "
            "leave them out."
        )
    return (X, y) if sample_weight is None else (X, y, sample_weight)


def _require_something_known(rows: Rows, must: str) -> None:
    """Raise for validation rows of which no label is known, whose loss would be 0."""
    if has_missing(rows.y) and np.isnan(rows.known_targets()).all():
        raise ValueError(
            f"{must} a label that is known, of a weight above zero; all of the {len(rows)} rows "
            "for validation have NaN only."
        )


_PLANNED = ("shuffle", "verbose", "steps_per_epoch", "validation_steps", "validation_freq")


def _batch_size(asked: int | None, n_rows: int) -> int:
    """Return rows per step: 64 where none are asked for, more where an epoch would be long."""
    if asked is None:
        return min(max(64, n_rows // 100), 512)
    return n_rows if asked == -1 else min(int(asked), max(1, n_rows))


# scikit-learn reads the constructor's signature for the names of parameters; "kwargs" is none.
KerasMultiLabelClassifier.__init__.__signature__ = signature_of_declared(  # type: ignore[attr-defined]
    KerasMultiLabelClassifier.__init__
)
