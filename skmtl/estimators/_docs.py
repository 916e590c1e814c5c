"""Texts that the docstrings of the three estimators have in common."""

from __future__ import annotations

import re
from typing import TypeVar

T = TypeVar("T", bound=type)

SECTIONS = {
    "target_transform": """\
    target_transform : None, str, transformer or dict, default=None
        Increasing function of the labels of numeric tasks that the network learns in their place: "log1p", "sqrt",
        "quantile" (normal scores), "yeo-johnson", a transformer with ``inverse_transform``, or a dict of these by task
        name. Predictions, scores and intervals are in the units of the labels. Try one where labels are skewed or
        spread over orders of magnitude. What is predicted is the mean, transformed back: for skewed labels near the
        median, below the mean of the labels. It is fitted to the observed labels, with their weights where it takes
        them; predictions of "quantile" stay within these. Not for counts with the Poisson loss.
""",
    "parameters of classes": """\
    class_weight : None, "balanced", dict, Series or list, default=None
        Weights of the classes in the loss: "balanced" for weights inversely proportional to the frequencies of the
        classes in each task; for 1-D y a dict or Series by class; for 2-D y a dict by task name, or a list in the order
        of the tasks, of "balanced", None or weights by class. Probabilities are then those of a world in which the
        classes have these weights. Where only the predicted label is wrong, ``threshold_metric`` is the better choice.
    calibration : {None, "temperature", "sigmoid", "isotonic"}, default=None
        How the probabilities of each task of classes are made to agree with frequencies, as learned from out-of-fold
        probabilities: one temperature for all classes, slope and intercept of the log odds of each class, or a monotone
        function of the probability of each class, which needs some hundred labels of the rarest class. A task for which
        it does not lower the log loss on held-out rows stays as it is. Needs members that hold out rows; training that
        goes on (``partial_fit``, ``warm_start``) ends without.
    threshold_metric : None, str, callable, dict or Series, default=None
        Metric of predicted labels by which ``fit`` chooses the probability from which on ``predict`` says the second of
        two classes, or the offset of each of more classes, on out-of-fold probabilities: a name such as "f1" or
        "balanced_accuracy", any scikit-learn scorer or function of true and predicted labels and sample_weight, or a
        dict of these by task name, in which unnamed tasks predict the most probable class, as None does for all. Use it
        where one class is rare: it changes labels, never probabilities. Needs members that hold out rows, as
        ``calibration`` does.
""",
    "parameters of tasks": """\
    loss_weights : None, array-like, dict or geometric(decay), default=None
        How much each task counts in the loss: numbers in the order of the tasks, a dict by task name, in which unnamed
        tasks weigh 1, or weights that fall geometrically. Only their ratios matter. Raise the weight of a task whose
        score matters more; :class:`~skmtl.model_selection.MultiTaskSearchCV` searches for weights. None chooses by the
        kinds of the tasks and by the noise of numbers beside classes; ``[1, 1, ...]`` is equal weights.
    missing_label : object, default=None
        A further value in y that means "no label", beside NaN, None and pandas.NA: say -1 in an array of integers.
        "unstored": cells of a sparse y that are not stored, while stored ones, zeros too, are labels. Of 1024 tasks or
        more, with more than 16 million cells of which at most a quarter is stored, ``fit`` looks at no other cells.
""",
    "parameters of inputs": """\
    encoder : str, Encoder or torch.nn.Module, default="auto"
        How rows of X become vectors: "auto" or "tabular" for tables, "convolution" for images, "sequence" for token
        ids; an object such as ``TabularEncoder(max_categories=20)`` to change settings; or a torch module of your own.
    input_dropout : "auto" or float in [0, 1), default="auto"
        Fraction of the encoded inputs set to zero at random in training, other ones for each row and member. Up to 0.5
        is sensible, for classification on wide tables whose columns are redundant. Not in front of an encoder that is
        trained with the network.
    input_scaling : "auto" or bool, default="auto"
        Whether each member scales its inputs by how much they matter, as learned in two runs ahead of the real one,
        and of many inputs reads only those that matter most. Try it for regression on small or wide tables, where few
        of the columns may matter. Training takes longer. Not in front of an encoder that is trained with the network.
""",
    "parameters of the network": """\
    hidden_layer_sizes : "auto" or array-like of int, default="auto"
        Numbers of units of the hidden layers. More of them fit finer patterns and take longer: one to three layers of
        32 to 1024 units are sensible. ``()`` makes outputs linear in the encoded inputs.
    task_layer_sizes : array-like of int, default=()
        Numbers of units of further hidden layers that each task has for itself, between the layers of ``sharing`` and
        its output, with the same activation and dropout. Try one layer of 16 to 128 units where tasks use the same
        features in different ways. ``()`` reads outputs from the layers of ``sharing`` directly.
    activation : {"auto", "identity", "logistic", "tanh", "relu", "silu"}, default="auto"
        Activation function of the hidden layers. "relu" suits classification, "silu" regression.
    dropout : "auto" or float in [0, 1), default="auto"
        Fraction of the hidden units set to zero at random in training. Raise it where training scores are far better
        than test scores, lower it where both are poor. 0 to 0.5 is sensible.
    sharing : str or Sharing, default="hard"
        Which hidden layers tasks share, and how: "hard" for all of them, "independent" for none, or another
        architecture of :mod:`skmtl.sharing`, by name or as an object such as ``MMoE(n_experts=8)``. Try others where
        the tasks have little in common.
    n_estimators : int, default=8
        Number of members of the ensemble: networks that are trained together and whose predictions are averaged. More
        are somewhat better and take longer; 1 is a single network, 4 to 16 are sensible.
    n_peers : "auto" or int, default="auto"
        Number of networks that each member of the ensemble consists of: a cohort of peers, which start from different
        weights and hold out the same rows, so that what one has learned can be told to the others and out-of-fold
        predictions stay honest. The ensemble has ``n_estimators`` times ``n_peers`` networks. "auto" is 1 without
        ``collaboration`` and ``peer_sharing``, else what the method asks for.
    collaboration : None, str or Collaboration, default=None
        How the peers of a cohort learn from one another's outputs: a method of :mod:`skmtl.collaboration`, by name or
        as an object such as ``MutualLearning(strength=0.5)``. Try "mutual" for few networks that are as good as many,
        "co_teaching" where some labels are wrong, and "pseudo_labels" where many are missing.
    peer_sharing : None, str or PeerSharing, default=None
        How the peers of a cohort share parameters: "averaging", "elastic", "additive" or "batch_ensemble" of
        :mod:`skmtl.training.peer_sharing`, or an object such as ``Averaging(period=10)``. The peers then begin with the
        same weights ("batch_ensemble": but for random signs of the inputs) and divide the rows of each batch among
        them, but where ``collaboration`` compares what they say of the same rows. Combines with ``collaboration``.
    kernel_blend : "auto" or bool, default="auto"
        Whether predictions are weighted means of the network's and those of ridge regressions, linear and with kernels,
        that are fitted to the same rows in closed form: for those classification, count and squared-error tasks whose
        out-of-fold error this lowers. It helps with few rows, and where targets are nearly linear. The fitted estimator
        then keeps the encoded training rows, and predictions take longer; False avoids both. The time grows with the
        cube of the rows, and nothing is blended where it would be long, beyond some 1000 rows. Not with an encoder that
        is trained with the network, nor where training goes on.
    tree_blend : "auto" or bool, default="auto"
        Whether predictions are weighted means of the network's, with ``kernel_blend`` if that gains, and those of
        extremely randomized trees that are grown on the same rows: for those classification, count and squared-error
        tasks whose out-of-fold error this lowers. It helps where targets change by steps, or with a few of many
        columns. The fitted estimator then keeps the trees, whose leaves hold labels, and predictions take longer; False
        avoids both. "auto" is False where ``local_correction`` is. Not with an encoder that is trained with the
        network, nor where training goes on.
    local_correction : "auto" or bool, default="auto"
        Whether a kernel-weighted mean of the out-of-fold residuals of similar training rows is added to predictions,
        for those classification, count and squared-error tasks whose leave-one-out error this lowers. It helps where
        rows come close to one another. The fitted estimator then keeps the encoded training rows, and predictions take
        longer; False avoids both. Not with an encoder that is trained with the network, nor where training goes on.
""",
    "parameters of training": """\
    balancing : str, Balancer or Recorded, default="static"
        How the weights of the tasks change during training: "static" leaves them at ``loss_weights``; the other methods
        of :mod:`skmtl.balancing`, by name or as objects such as ``FAMO(learning_rate=0.01)``, multiply these by factors
        of their own. Try one where some tasks learn much worse than alone. ``Recorded("static")`` adds norms and
        cosines of the tasks' gradients to ``history_``.
    optimizer : {"adamw", "sgd"} or Optimizer, default="adamw"
        Rule by which gradients change the weights. "sgd" needs a ``learning_rate_init`` of its own; settings are those
        of an object, such as ``SGD(momentum=0.5)``. ``AdamW(weight_average="ema")`` validates and keeps an exponential
        average of the weights along the run, "swa" the mean of those of its last part: try one under a constant rate.
    learning_rate : {"auto", "constant", "cosine"}, default="auto"
        Schedule of the learning rate: "cosine" rises for a short while and falls to 0 at ``max_iter``. "constant" suits
        training whose length is not known in advance.
    learning_rate_init : "auto" or float, default="auto"
        Largest learning rate. Lower it where the loss jumps or diverges, raise it where training ends too early. 0.0005
        to 0.02 is sensible for "adamw".
    weight_decay : "auto" or float, default="auto"
        Strength of the decoupled weight decay, which keeps weights small. Raise it against overfitting; 0 to 0.3 is
        sensible.
    batch_size : "auto" or int, default="auto"
        Number of rows of a training step. Larger batches make an epoch faster and its steps fewer; 16 to 1024 is
        sensible. Where a ``collaboration`` learns from rows without any label, they come on top of these in proportion.
    max_iter : "auto" or int, default="auto"
        Largest number of epochs. Raise it where the loss still falls at the end, lower it to save time. The schedule
        "cosine" fits itself to it.
    early_stopping : "auto" or bool, default="auto"
        Whether each member holds out some of the rows, stops when the loss on them no longer falls, and keeps the
        weights of its best epoch. False trains on all rows; there are no out-of-fold predictions then. ``fit`` takes
        rows of your own as ``X_val`` and ``y_val``.
    cv : None, int, splitter or iterable of splits, default=None
        Which rows each member holds out; out-of-fold predictions and all that is learned from them rest on it. An int
        is a number of folds, 8 for None; 5 to 20 are sensible. Copies of a row, or the rows of one of the ``groups``
        that ``fit`` takes, are in one fold. Where rows follow in time, or other rows belong together, pass a splitter,
        such as ``TimeSeriesSplit(5)``, or pairs of indices of training and test rows. A member learns from one training
        part only, and members take the splits in turn: let ``n_estimators`` be their number or a multiple of it.
    n_iter_no_change : "auto", int or inf, default="auto"
        Number of epochs without an improvement after which a member stops: of the loss on rows it holds out, or else of
        the training loss. Raise it where training stops too early; infinity never stops.
    tol : float, default=1e-4
        Smallest decrease of the loss that counts as an improvement.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the fitted weights, encoder and tasks, say for further rows of the same kind.
""",
    "parameters of computation": """\
    effort : {"default", "fast", "best", "fixed"}, default="default"
        How much is tried before training. "default" compares settings that are left at "auto", such as ``dropout``,
        ``input_scaling`` and ``hidden_layer_sizes``, by the loss of short runs on rows that members hold out, and
        trains the best of them for as long as that lowers the loss; ``trials_`` tells what was tried. "best" tries
        more and longer. "fixed" and "fast" take what rules say of the data, "fast" with narrow layers. Nothing is
        tried where members hold out no rows, as with ``X_val``, behind an encoder that is trained with the network, for
        at most 64 distinct rows, with peers, where training goes on or is very short, and for candidates of
        :class:`~skmtl.model_selection.MultiTaskSearchCV`, but for its refit. Other searches try anew in each fit; set
        "fixed" there to save time.
    max_time : None or float, default=None
        Seconds that ``fit`` may take. Training has only as many epochs as end in time, one at least, and nothing is
        tried where that would take more than half of the time. What is learned then depends on the speed of the
        machine. The corrections that are fitted after training come on top.
    device : str, torch.device or Device, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", ... A GPU pays for wide layers, images and text; small tables are
        faster on a CPU. ``Device("cuda", cuda_graphs=True)`` saves the time of launching kernels.
    dtype : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        Type of numbers to compute in. "float64" is exact and slower. "bfloat16" is for the matrix products of training
        only, which wide layers do in about half the time where the processor has them, at some cost in accuracy;
        parameters, losses and predictions stay in float32.
    n_jobs : int, default=None
        Number of threads, at most one a processor; None chooses by the work of a step. A forked process uses one.
    random_state : int, RandomState or None, default=None
        Seed of everything random. Pass an int for reproducible fits.
    verbose : int, default=0
        1 prints the losses of every epoch, 0 nothing.
    checkpoint : None, path or Checkpoint, default=None
        Folder in which ``fit`` saves its state every minute. A fit that is killed and run again goes on from there, and
        ends with the bits of an undisturbed one; it removes its checkpoints at its end. Set it for fits of many
        minutes. ``Checkpoint(folder, interval="5min")`` has further settings.
""",
    "fitted attributes": """\
    task_names_ : ndarray of shape (n_tasks,)
        Names of the tasks: the columns of a frame, else ``task0``, ``task1``, ...
    tasks_ : list of Task
        What was learned of each column of y.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if they are strings.
    auto_params_ : dict of str to Choice
        Value and reason of every parameter that was "auto", and of ``loss_weights`` if it was None.
    trials_ : dict of str to list
        What was tried before training, as columns of a table: "params" of each setting, the rules' first, "loss" on
        held-out rows, in relation to that under the rules, and the "standard_error" of its difference from the loss
        of the setting that was chosen. Empty lists where nothing was tried.
    loss_weights_ : ndarray of shape (n_tasks,)
        Weights of the tasks, normalised to sum 1.
    n_iter_ : int
        Number of epochs done.
    n_peers_ : int
        Number of peers of a cohort; those of a cohort are neighbours along every axis of members.
    label_quality_ : ndarray of shape (n_samples,) or (n_samples, n_tasks)
        With ``collaboration="co_teaching"`` how probable each given label is, from 0 to 1, by networks that held it
        out, or by all where none did: the probability of the class, for numbers that of a residual as large. NaN
        without a label. The lowest are probably wrong.
    transduction_, labeled_iter_ : ndarray of shape (n_samples,) or (n_samples, n_tasks)
        With ``collaboration="pseudo_labels"`` all labels, given or found, NaN or None where there is none; and the
        round in which a label was found last, 0 for given ones, -1 for none.
    termination_condition_, pseudo_label_gain_ : dict
        With it, by task, whether "all_labeled", some ("max_iter") or none ("no_change") of the missing cells were
        labelled, and by how much the held-out loss of networks that learned from these labels is lower than that of
        the others; those who are clearly better predict the task, else all.
    n_unlabeled_rows_ : int
        Number of rows without any label that were kept, as some methods of ``collaboration`` learn from them.
    history_ : dict of ndarray of shape (n_iter_, n_estimators * n_peers_, n_tasks)
        "loss", "validation_loss" and "weight" by epoch, member and task; NaN after a member has stopped. The weight is
        the mean over the epoch's steps in which the task had a label. "gradient_norms" and "gradient_cosines", of shape
        (n_iter_, n_estimators * n_peers_, n_tasks, n_tasks), are means over steps and are there if ``balancing``
        records them. Of more than 4096 tasks only the mean is kept: the last axis has the length 1.
    encoder_ : Encoder
        Fitted encoder.
    network_ : Network
        Networks of all members.
    task_relatedness_ : ndarray of shape (n_tasks, n_tasks)
        Correlations of the tasks, means over the members; only with ``sharing="relationship"``.
    relatedness_history_ : ndarray of shape (n_calls, n_tasks, n_tasks)
        ``task_relatedness_`` after ``fit`` and each call of ``partial_fit``; only with ``sharing="relationship"``.
    prequential_loss_ : ndarray of shape (n_calls, n_tasks)
        Loss of each task on the rows of each call of ``partial_fit`` before they were learned from, NaN where nothing
        had been learned before; only with ``sharing="relationship"``.
    calibration_ : dict
        With ``calibration``: name of each calibrated task to the calibrator that it was found to gain by.
    thresholds_ : dict
        With ``threshold_metric``: task name to the probability of the second of two classes above which it is
        predicted, or to what is added to the log-probabilities of more classes, (n_classes,), before the largest is
        taken. ``predict`` reads it, so that values may be changed.
    compaction_ : Compaction
        Of an estimator made by :meth:`compact`: positions of the networks that were ``kept`` of the ensemble, and
        scores ``before`` and ``after`` by task.
""",
}
NOTE = """\
    Parameters are those of tasks, of inputs, of the network, of training and of computation, in this order. What "auto"
    stands for is told by ``auto_params_`` after ``fit``; docs/defaults.md has the rules.
"""


def fill_in(cls: T) -> T:
    """Replace the lines ``{name of a section}`` in the docstring of a class by their texts."""
    if cls.__doc__ is not None:  # python -OO
        texts = {**SECTIONS, "note on parameters": NOTE}
        cls.__doc__ = re.sub(r"^    \{(.*)\}\n", lambda found: texts[found[1]], cls.__doc__, flags=re.MULTILINE)
    return cls
