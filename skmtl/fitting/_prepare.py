"""From parameters and rows to a job: all that is decided before the first step."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import torch

from skmtl._roles import Role, parameters_of
from skmtl.balancing import Static
from skmtl.blocks import StreamedData
from skmtl.collaboration import Collaboration
from skmtl.defaults import ROW_CORRECTIONS, Choice, DataSummary, is_auto, requested, resolve
from skmtl.fitting._class_weights import cell_weights
from skmtl.fitting._config import (
    Params,
    make_config,
    read_balancing,
    read_peer_method,
    read_seed,
    read_sizes,
)
from skmtl.fitting._data import (
    common_validation,
    deal_rows,
    own_validation,
    read_splits,
    require_folds,
    training_data,
)
from skmtl.fitting._job import FitJob
from skmtl.fitting._postprocessing import read_postprocessors, read_threshold_scores
from skmtl.fitting._shared_inputs import EncodedRows, SharedInputs
from skmtl.fitting._stream import data_in_blocks, preferences_for_blocks, untried, without_all_cells
from skmtl.inputs import Splits, label_hashes, row_hashes, row_units
from skmtl.network import Architecture, Network
from skmtl.processes import current
from skmtl.training import (
    FitConfig,
    Objective,
    PeerSharing,
    StoredData,
    Streams,
    Training,
    TrainingData,
    as_followed,
    choose_device,
)

# Estimator parameters in which the members of one network may differ. Class weights are part of the data, and
# postprocessing comes after training.
MEMBER_PARAMETERS = parameters_of(FitConfig, Role.MEMBER, Role.FIT) - parameters_of(FitConfig, Role.NETWORK)
MEMBER_PARAMETERS |= {"class_weight", *ROW_CORRECTIONS, "calibration", "threshold_metric"}
# Those that decide more than what a step reads of a member, and how labels are decided after training.
_OWN_PARAMETERS = parameters_of(FitConfig, Role.MEMBER) | {"threshold_metric"}
_DECIDING_PARAMETERS = sorted((parameters_of(FitConfig, *Role) | MEMBER_PARAMETERS) - _OWN_PARAMETERS | {"sharing"})
ROWS_TO_COMPARE = 4096  # beyond this, only members that hold out rows need to know which rows are alike


def prepare(
    params: Params, inputs: SharedInputs, *, network: Network | None = None, resumed: Training | None = None
) -> FitJob:
    """Decide all that precedes the first step of a fit.

    Parameters
    ----------
    params : dict
        Parameters of the estimator, which have been validated.
    inputs : SharedInputs
        What it is fitted to.
    network : Network, optional
        Fitted; training goes on with a copy of it.
    resumed : Training, optional
        The training that it is from, whose moments and streams are gone on with.

    Returns
    -------
    FitJob
        Ready to train. Jobs on the same inputs that differ only in what a step reads of a member begin with one
        network.

    Raises
    ------
    ValueError
        If a parameter is not usable.
    """
    layers = [name for name in ("hidden_layer_sizes", "task_layer_sizes") if not is_auto(params[name])]
    params = {**params, **{name: read_sizes(params, name) for name in layers}}
    alike = None if inputs.rows.keeps_stored else _begins_alike(params)  # their networks are not copied
    if alike is not None and alike in inputs.prepared:
        return _with_own_settings(inputs.prepared[alike], params)
    device, seed = choose_device(params["device"]), current().world.share(read_seed(params["random_state"]))
    preferences = _preferences(params, inputs, network)
    fitted_dtype = None if network is None else network.architecture.dtype
    asked, class_weight = requested(params, preferences, fitted_dtype), params.get("class_weight")
    encoded = inputs.encode(inputs.rows, cell_weights(class_weight, inputs, inputs.rows), asked["dtype"])
    splits = read_splits(asked, inputs)
    units, summary = _summarise(asked, inputs, encoded, splits, seed, device, fitted_dtype)
    values, choices = resolve(params, summary, preferences)
    config, loss_weights = make_config(values, summary, inputs, seed, device)
    held_out = deal_rows(config, splits, units, inputs)
    objective, validation = Objective(inputs.layout.groups, inputs.layout.n_outputs, device), None
    data: TrainingData | StoredData | StreamedData
    if inputs.survey is not None:
        data, bias = data_in_blocks(inputs, inputs.survey, config, class_weight, asked["dtype"])
    else:
        data = training_data(config, encoded, None if held_out is None else held_out.learned)
        bias = np.empty(0) if network is not None else inputs.layout.initial_bias(encoded.targets, encoded.weights)
        validation = None if held_out is None else own_validation(config, objective, data, held_out.rows)
    if inputs.validation is not None:
        validation = common_validation(config, objective, inputs, inputs.validation, class_weight, asked["dtype"])
    if params["effort"] != "fixed" and (inputs.survey is not None or inputs.rows.keeps_stored):
        choices |= untried(inputs)
    streams = Streams.from_seed(seed, config.members) if resumed is None else resumed.streams
    job = FitJob(
        inputs=inputs,
        config=config,
        network=_network(config, inputs, bias, streams, network),
        data=data,
        validation=validation,
        objective=objective,
        streams=streams,
        loss_weights=loss_weights,
        summary=summary,
        choices=choices,
        order=None if params["random_state"] is None else seed,
        encoded=encoded,
        units=None if held_out is None else held_out.units,
        postprocessors=read_postprocessors(values),
        threshold_scores=read_threshold_scores(values.get("threshold_metric"), inputs.tasks),
        responds=network is None and held_out is not None,  # earlier weights may have learned from any row
        resumed=resumed if resumed is not None and resumed.config.same_steps(config) else None,
    )
    if alike is not None:
        inputs.prepared[alike] = job
    return job


def _begins_alike(params: Params) -> Hashable | None:
    """Equal for fits to the same inputs that differ only in what a step reads of a member.

    None where a fit draws a seed of its own.
    """
    if not isinstance(params["random_state"], int | np.integer):
        return None
    settings = {name: params.get(name) for name in _DECIDING_PARAMETERS}
    weights = settings.pop("class_weight")
    return repr(settings), weights if weights is None else joblib.hash(weights)  # a long Series is cut in its repr


def _with_own_settings(job: FitJob, params: Params) -> FitJob:
    """A job that begins like another, with learning rate, weight decay, loss weights and thresholds of its own."""
    inputs, config = job.inputs, job.config
    values, choices = resolve(params, job.summary, _preferences(params, inputs, None))
    own, loss_weights = make_config(values, job.summary, inputs, config.seed, config.device)
    scores = read_threshold_scores(values.get("threshold_metric"), inputs.tasks)
    return replace(job, config=own, loss_weights=loss_weights, choices=choices, threshold_scores=scores)


def _preferences(params: Params, inputs: SharedInputs, network: Network | None) -> dict[str, Any]:
    """What takes the place of "auto": the encoder's preferences, or what a fitted network has."""
    preferences = dict(inputs.encoder.preferences(inputs.n_rows))
    if inputs.survey is not None:
        preferences |= preferences_for_blocks(inputs, inputs.survey)
    if inputs.rows.keeps_stored:
        preferences |= without_all_cells("only the stored cells of y are kept, and it takes the labels of all rows")
    if params["cv"] is not None or inputs.splitter is not None:
        preferences["early_stopping"] = Choice(True, "cv or groups say which rows are held out")
    method = read_peer_method(Collaboration, params["collaboration"])
    asking = read_peer_method(PeerSharing, params["peer_sharing"]) if method is None else method
    if asking is not None:
        preferences["n_peers"] = Choice(asking.peers, f"{type(asking).__name__} asks for them")
    if method is not None and _columns_seen(method, inputs) is not None:
        if params["input_scaling"] is True:
            raise ValueError(f"input_scaling must not be True with collaboration={type(method).__name__}; set 'auto'.")
        preferences["input_scaling"] = Choice(False, "peers see columns of their own")
    if network is not None:
        architecture, reason = network.architecture, "training goes on with the fitted network"
        fitted = {
            "hidden_layer_sizes": architecture.hidden_layer_sizes,
            "activation": architecture.activation,
            "dropout": architecture.dropout[0],
            "input_dropout": architecture.input_dropout,
            "n_peers": architecture.members // params["n_estimators"],
        }
        preferences |= {name: Choice(value, reason) for name, value in fitted.items()}
    return preferences


def _summarise(
    params: Params,
    inputs: SharedInputs,
    encoded: EncodedRows,
    splits: Splits | None,
    seed: int,
    device: torch.device,
    fitted_dtype: str | None,
) -> tuple[np.ndarray | None, DataSummary]:
    """What is held out together, where the fit needs it, and what the defaults look at."""
    n_rows, units = inputs.n_rows - inputs.n_unlabeled, None
    n_distinct = n_apart = n_rows
    deals_rows = params["early_stopping"] is not False and inputs.validation is None
    if inputs.survey is None and (deals_rows or encoded.targets.shape[0] <= ROWS_TO_COMPARE):
        contents, units, n_distinct, n_apart = encoded.once(_hash_rows, seed)
        if inputs.n_unlabeled:
            n_distinct, n_apart = (len(np.unique(of[inputs.rows.row_weights > 0])) for of in (contents, units))
    summary = DataSummary(
        n_rows=n_rows,
        n_distinct=n_distinct,
        n_joined=n_distinct - n_apart,
        n_unlabeled=inputs.n_unlabeled,
        n_inputs=encoded.X.shape[1],
        n_outputs=sum(inputs.layout.n_outputs),
        classification=tuple(task.kind.is_classifier for task in inputs.tasks),
        on_gpu=device.type != "cpu",
        static_weights=isinstance(read_balancing(params["balancing"])[0], Static),
        learned_encoding=inputs.learns_inputs,
        validation_given=inputs.validation is not None,
        n_splits=0 if splits is None else splits.n_splits,
        n_units=_n_units(splits, inputs),
        every_row_held_out=splits is None or splits.every_row_held_out,
        every_row_used=splits is None or splits.every_row_used,
        fitted_dtype=fitted_dtype,
    )
    require_folds(params, summary)
    return units, summary


def _n_units(splits: Splits | None, inputs: SharedInputs) -> int:
    """Number of groups that splits keep together, which without groups are their test parts."""
    if splits is None:
        return 0
    return splits.n_splits if inputs.groups is None else len(np.unique(inputs.groups))


def _hash_rows(encoded: EncodedRows, seed: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Hash of features and labels of each row, and what is held out together, ``(n,)``; how many are distinct."""
    features = row_hashes(encoded.X, seed)
    contents = features + label_hashes(encoded.labels, seed + 1)
    units = row_units(features, contents, encoded.labels)
    n_distinct = len(np.unique(contents))
    return contents, units, n_distinct, n_distinct if units is contents else len(np.unique(units))


def _network(
    config: FitConfig, inputs: SharedInputs, bias: np.ndarray, streams: Streams, fitted: Network | None
) -> Network:
    """The fitted network, or a new one with its first parameters."""
    if fitted is not None:
        return fitted if fitted.device == config.device else fitted.copy(config.device)
    architecture = Architecture(
        sharing=config.sharing,
        n_inputs=inputs.encoder.n_outputs_,
        hidden_layer_sizes=config.hidden_layer_sizes,
        activation=config.activation,
        n_outputs=inputs.layout.n_outputs,
        members=config.members,
        dtype=config.dtype,
        initial_bias=bias,
        dropout=(config.dropout,) * config.members,
        encoder=inputs.encoder,
        input_dropout=config.input_dropout,
        task_layer_sizes=config.task_layer_sizes,
    )
    network = Network(architecture, config.device)
    follows = config.collaboration is not None and config.collaboration.follows
    generators = as_followed(lambda: streams.initial, config.n_peers) if follows else streams.initial
    network.buffer.initialise(generators)
    if config.peer_sharing is not None:
        config.peer_sharing.initialise(network.buffer, config.n_peers, generators)
    seen = None if config.collaboration is None else _columns_seen(config.collaboration, inputs)
    if seen is None:
        return network
    return network.with_input_scale(np.tile(seen.astype(float), (config.members // config.n_peers, 1)))


def _columns_seen(method: Collaboration, inputs: SharedInputs) -> np.ndarray | None:
    """Encoded inputs that each peer of a cohort sees, ``(peer, n_inputs)``; None: all see all."""
    columns = inputs.columns
    seen = method.columns_seen(columns["n_features_in_"], columns.get("feature_names_in_"))
    of_outputs = inputs.encoder.columns_of_outputs()
    if seen is None:
        return None
    if of_outputs is None:
        raise ValueError(
            f"collaboration={type(method).__name__} needs an encoder that makes each input of one column, such as "
            f"encoder='tabular'; got {type(inputs.encoder).__name__}."
        )
    return seen[:, of_outputs]
