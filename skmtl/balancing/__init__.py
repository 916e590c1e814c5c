"""How much each task counts in a step: one file a method.

Which to pick
-------------
Start with ``"static"``, the default, and tune ``loss_weights``: in careful comparisons fixed weights, tuned together
with the learning rate, match the methods below (Xin et al., 2022; Kurin et al., 2022; Royer et al., 2023), and their
steps cost least. The papers of the methods report gains over equal weights on scene understanding and on robot control.
Both can be true: untuned equal weights are easy to beat where losses differ in scale or noise.

- Losses of very different scale, no time to tune: ``"log"``; ``"famo"``, with a second forward a step; ``"imtl_g"`` and
  ``"nash_mtl"``, whose direction does not depend on scale.
- Targets of different noise: ``"uncertainty"``. It weighs hard tasks down, for better or worse.
- The worst task matters most: ``STCH``, ``CAGrad``, ``FairGrad`` with a large ``alpha``.
- Gradients that oppose each other, as ``record=("gradient_cosines",)`` shows: ``"upgrad"`` and ``"pcgrad"``, which are
  static weights where nothing conflicts. Conflict goes with slow optimisation and does not predict whether tasks do
  better apart (Mueller et al., 2024), so judge by held-out scores.
- A control for all of these: ``"random"``. A method that does not beat it has learned nothing about the tasks.

``"mgda"`` follows the shortest gradients: a task that is nearly solved, or has nothing to learn, can hold up the
others.

What weights mean
-----------------
``loss_weights`` count under every method. Where weights are shares (static, soft-optimal uncertainty, DWA, random,
GradNorm, MGDA, IMTL-G) they multiply them, and the products are normalised to sum 1. Nash-MTL and FairGrad take them as
bargaining powers and are normalised too; FAMO multiplies its shares by them. PCGrad, CAGrad, UPGrad and Aligned-MTL put
the weighted mean in the place of the mean and keep the length that their papers give the step; log, uncertainty and
STCH return the derivative of their objective as it is, since its growth while losses fall is the method. With AdamW, a
common factor of all weights matters little.

Methods that look at gradients take them by the shared parameters, as their papers do (``gradient="parameters"``), or by
the features that all tasks read (``gradient="representation"``), the last hidden layer's or the shared experts': then a
step of the default net costs some 5 % more than a static one, but inner products of gradients by the features are not
those by the parameters. By the parameters, a step with 8 tasks costs some six static ones. Output layers and other
parameters of a single task follow their own unweighted losses either way.

A task without a label in a batch, or with loss weight 0, is left out and gets weight 0.

What our benchmark showed
-------------------------
Three draws of 1500 rows of ``scm20d``, ``sarcos_test``, ``yeast`` and ``tox21``, whose tasks are alike in kind and
scale, and of a synthetic problem with counts whose losses are a thousandth of those of the binary tasks beside them and
a column of noise; small nets, few epochs, all methods at their defaults. Figures are points of delta_m, the mean
improvement on single-task nets in percent; draws differ by about one point, on the synthetic problem by four.

- Where losses are alike, no method beat equal static weights by as much as two points on any set; the most were 1.6 of
  ``"log"``, 1.2 of ``"uncertainty"`` and 1 of CAGrad, all on ``sarcos_test``. Methods that even out losses or gradients
  (``"log"``, ``"famo"``, IMTL-G, CAGrad, Nash-MTL, Aligned-MTL, FairGrad, MGDA) lost 3 to 17 points on ``tox21``, whose
  labels are rare and missing. UPGrad, PCGrad, ``"uncertainty"`` and DWA stayed about as good as static weights.
- Where losses differ by a thousand, equal static weights lost 15 points against single-task nets, and 9 to 14 of these
  came back with ``"log"``, ``"famo"``, IMTL-G, CAGrad, Nash-MTL, Aligned-MTL and FairGrad; 2 to 4 with GradNorm and,
  by the parameters only, with UPGrad and PCGrad.
- Weights tuned in the time of one fit by such a method, 2 to 24 random candidates, gained 3 points there and nothing
  elsewhere. Ten times the time, in one draw, gained one point there and lost 6 on ``tox21``, where a fifth of the rows
  chose among 60 candidates: tune with cross-validation, and over few weights that you have reason to change.
- Gradients by the representation did by and large as well as those by the parameters, at a fifth of the cost.
- MGDA, STCH, soft-optimal uncertainty and alternating lost in the mean, at times as much as random weights or more.
- Whether to share at all mattered more than any of this: 21 points on ``tox21`` and 5 on ``yeast`` in favour, 2 on
  ``scm20d`` and 7 on ``sarcos_test`` against.

Larger nets, other data and tuned settings may turn any of this round. See ``benchmarks/balancing/RESULTS.md``.
"""

from skmtl.balancing._balancer import Balancer, GradientBalancer, Seen
from skmtl.balancing.aligned_mtl import AlignedMTL
from skmtl.balancing.alternating import Alternating
from skmtl.balancing.cagrad import CAGrad
from skmtl.balancing.dwa import DWA
from skmtl.balancing.fairgrad import FairGrad
from skmtl.balancing.famo import FAMO
from skmtl.balancing.gradnorm import GradNorm
from skmtl.balancing.imtl_g import IMTLG
from skmtl.balancing.log import LogLosses
from skmtl.balancing.mgda import MGDA
from skmtl.balancing.nash_mtl import NashMTL
from skmtl.balancing.pcgrad import PCGrad
from skmtl.balancing.random import RandomWeights
from skmtl.balancing.soft_optimal_uncertainty import SoftOptimalUncertainty
from skmtl.balancing.static import Static, geometric
from skmtl.balancing.stch import STCH
from skmtl.balancing.uncertainty import Uncertainty
from skmtl.balancing.upgrad import UPGrad

BALANCERS: dict[str, type[Balancer]] = {
    "static": Static,
    "log": LogLosses,
    "uncertainty": Uncertainty,
    "soft_optimal_uncertainty": SoftOptimalUncertainty,
    "dwa": DWA,
    "random": RandomWeights,
    "famo": FAMO,
    "stch": STCH,
    "alternating": Alternating,
    "gradnorm": GradNorm,
    "pcgrad": PCGrad,
    "mgda": MGDA,
    "cagrad": CAGrad,
    "imtl_g": IMTLG,
    "nash_mtl": NashMTL,
    "aligned_mtl": AlignedMTL,
    "fairgrad": FairGrad,
    "upgrad": UPGrad,
}

__all__ = [
    "BALANCERS",
    "DWA",
    "FAMO",
    "IMTLG",
    "MGDA",
    "STCH",
    "AlignedMTL",
    "Alternating",
    "Balancer",
    "CAGrad",
    "FairGrad",
    "GradNorm",
    "GradientBalancer",
    "LogLosses",
    "NashMTL",
    "PCGrad",
    "RandomWeights",
    "Seen",
    "SoftOptimalUncertainty",
    "Static",
    "UPGrad",
    "Uncertainty",
    "geometric",
]
