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
step of the default net costs hardly more than a static one, but inner products of gradients by the features are not
those by the parameters. By the parameters, a step with 8 tasks costs some seven static ones. Output layers and other
parameters of a single task follow their own unweighted losses either way.

A task without a label in a batch, or with loss weight 0, is left out and gets weight 0.

What our benchmark showed
-------------------------
One draw of 1500 rows of ``sarcos_test`` (seven targets of like noise) and of a synthetic problem with counts whose
losses are a thousandth of those of the binary tasks beside them, and a column of noise; small nets, few epochs. It is
too little to rank the methods, and says this much. On ``sarcos_test`` static weights came within one point of delta_m
of the best method, ``"log"``, and most gradient-based methods were one to three points behind. On the problem of
unequal scales equal static weights lost 16 % against single-task nets; eight candidates of tuned weights brought that
to 5 %, ``"log"`` and the representation forms of IMTL-G, FairGrad and CAGrad to 2 % or less, and ``"famo"`` was 1 %
ahead. Random weights, soft-optimal uncertainty and STCH at their
defaults did worse than equal static ones on both, alternating far worse on ``sarcos_test``. On both, the single-task
reference had the best mean rank. See ``benchmarks/balancing/RESULTS.md``.
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
