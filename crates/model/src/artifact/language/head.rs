//! Heads in artifacts. Names here are names in files: see the [module](super::super) before changing one.

use super::super::code::{Code, choice, item, name, read_fields, take_field, write_field};
use super::super::read::{Decoded, Decoder};
use super::super::write::Encoder;
use crate::head::{
    ClassPredict, Classification, Head, LabelRule, Link, LogProbability, Mixture, Outlier, PairDecision,
    Pairwise, Probability, Regression,
};

item!(Mixture { components });
choice!(Head {
    Regression(value),
    Classification(value),
    Pairwise(value),
    Outlier(value),
    Mixture(value),
});
item!(Regression { shape, link, margin, rounds });
choice!(Link { Identity, Exp, ExpSingle, SigmoidSingle, Sigmoid, Softplus, SignedSquare, MeanAndVariance });
item!(Classification {
    classes,
    multi_target,
    label,
    probability,
    log_probability,
    decision,
    margin,
    predict,
    rounds,
});
choice!(ClassPredict { Label, LabelColumn, Probability, Index, Margin });
choice!(LabelRule {
    LargestScore,
    LastLargestScore,
    Positive,
    Above(value),
    NotNegative,
    LargestProbability,
    AboveHalf,
    EachAboveHalf,
    EachPositive,
    Index,
    ProbabilityAtLeast { class, least },
    ScoreAtLeast { class, least },
});
choice!(Probability {
    Scores,
    AfterScores,
    LabelsAfterScores,
    Proportions { spare_zeros },
    SecondScore,
    LabelScores,
    LabelSigmoid,
    LabelSigmoidSingle,
    Sigmoid { scale },
    SigmoidEach { scale },
    SigmoidNormalized,
    Softmax,
    SoftmaxOfBoth,
    ExpNormalized,
    ModifiedHuber,
    SigmoidSingle,
    SoftmaxSingle,
});
choice!(LogProbability { OfProbability, OfPositiveProbability, OfJoint });
item!(Outlier { offset, equal_inlier, column = false });
item!(Pairwise { classes, decision, break_ties, sigmoids });
choice!(PairDecision { PerClass, PerPair });
