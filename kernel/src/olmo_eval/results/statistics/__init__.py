"""Statistics of scores and comparisons: pure functions over numpy arrays and small frozen values.

`estimate` gives a score its error and interval; `compare_scores` and `compare_ratios` end in a
`Verdict`; `adjust` corrects a family of verdicts; `macro_*` and `micro_*` do suites. What each
number means, its formula and its source: docs/statistics.md.
"""

from olmo_eval.results.statistics.agreement import (
    Agreement,
    cohen_kappa,
    confusion,
    krippendorff_alpha,
    raw_agreement,
)
from olmo_eval.results.statistics.biographies import (
    Biographies,
    answer_flip_rate,
    biographies,
)
from olmo_eval.results.statistics.bootstrap import Bootstrap, bootstrap_totals, paired_bootstrap
from olmo_eval.results.statistics.bounds import Bounds, score_bounds
from olmo_eval.results.statistics.checkpoints import (
    Alarm,
    DecisionAccuracy,
    SignalToNoise,
    Trend,
    alarm,
    bootstrapped_decision_accuracy,
    decision_accuracy,
    signal_to_noise,
    trend,
)
from olmo_eval.results.statistics.comparison import compare_ratios, compare_scores
from olmo_eval.results.statistics.equivalence import Equivalence, tost
from olmo_eval.results.statistics.estimates import Estimate, estimate, ratio_estimate
from olmo_eval.results.statistics.intervals import (
    clopper_pearson_interval,
    t_interval,
    wilson_interval,
)
from olmo_eval.results.statistics.mcnemar import (
    mcnemar_exact,
    mcnemar_interval,
    mcnemar_midp,
    mcnemar_p_values,
    tango_interval,
)
from olmo_eval.results.statistics.multiplicity import (
    adjust_p_values,
    benjamini_hochberg,
    discrete_benjamini_hochberg,
    holm,
)
from olmo_eval.results.statistics.paired import (
    paired_difference,
    paired_ratio_difference,
    paired_totals,
    t_test,
)
from olmo_eval.results.statistics.power import (
    minimum_detectable_effect,
    paired_binary_mde,
    required_n,
    sampled_mde,
)
from olmo_eval.results.statistics.samples import (
    VarianceComponents,
    estimate_pass_at_k,
    estimate_samples,
    pass_at_k,
    variance_components,
)
from olmo_eval.results.statistics.sequential import (
    anytime_p_value,
    confidence_sequence,
    e_process,
    log_e_value,
)
from olmo_eval.results.statistics.signflip import SignFlips, sign_flips
from olmo_eval.results.statistics.suites import (
    macro_estimate,
    macro_verdict,
    micro_estimate,
    micro_verdict,
)
from olmo_eval.results.statistics.verdict import Verdict, adjust

__all__ = [
    "Agreement",
    "Alarm",
    "Biographies",
    "Bootstrap",
    "Bounds",
    "DecisionAccuracy",
    "Equivalence",
    "Estimate",
    "SignFlips",
    "SignalToNoise",
    "Trend",
    "VarianceComponents",
    "Verdict",
    "adjust",
    "adjust_p_values",
    "alarm",
    "answer_flip_rate",
    "anytime_p_value",
    "benjamini_hochberg",
    "biographies",
    "bootstrapped_decision_accuracy",
    "bootstrap_totals",
    "clopper_pearson_interval",
    "cohen_kappa",
    "compare_ratios",
    "compare_scores",
    "confidence_sequence",
    "confusion",
    "decision_accuracy",
    "discrete_benjamini_hochberg",
    "e_process",
    "estimate",
    "estimate_pass_at_k",
    "estimate_samples",
    "holm",
    "krippendorff_alpha",
    "log_e_value",
    "macro_estimate",
    "macro_verdict",
    "mcnemar_exact",
    "mcnemar_interval",
    "mcnemar_midp",
    "mcnemar_p_values",
    "micro_estimate",
    "micro_verdict",
    "minimum_detectable_effect",
    "paired_binary_mde",
    "paired_bootstrap",
    "paired_difference",
    "paired_ratio_difference",
    "paired_totals",
    "pass_at_k",
    "ratio_estimate",
    "raw_agreement",
    "required_n",
    "sampled_mde",
    "score_bounds",
    "sign_flips",
    "signal_to_noise",
    "t_interval",
    "t_test",
    "tango_interval",
    "tost",
    "trend",
    "variance_components",
    "wilson_interval",
]
