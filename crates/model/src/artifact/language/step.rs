//! Steps in artifacts. Names here are names in files: see the [module](super::super) before changing one.

use super::super::code::{Code, choice, item, name, read_fields, take_field, write_field};
use super::super::read::{Decoded, Decoder};
use super::super::write::Encoder;
use crate::step::{
    Accents, Accepts, Analysis, Answer, Arithmetic, Branch, Categories, Codes, Combine, Curve, Curves,
    Dataflow, DatePart, Dates, Extrapolation, Function, HashKeys, HashedKey, Impute, ImputeNearest,
    NonNegative, Norm, Normalize, OneHot, Operands, Ordinal, Pairing, Part, PiecewiseLinear, Positions,
    Predict, Products, Quantile, Reduce, Reduction, Refinement, Representation, RepresentationRule, Rowwise,
    Rule, Scale, Solver, Sparse, SparseRule, Spline, Splines, Statistic, Step, Table, TargetStatistics,
    TermIndex, Terms, TokenPattern, Topics, Units, Unknown, Zip,
};

item!(Codes { known });
item!(Combine { members, rule });
choice!(Rule {
    Sum,
    Mean,
    Weighted(value),
    Votes { classes, weights, against },
    Pairs { classes },
    WeightedMedian(value),
});
item!(Curves { columns, accepts });
choice!(Curve {
    Threshold(value),
    Bins { edges, nudge },
    BoxCox(value),
    YeoJohnson { lambda, exact },
    BoxCoxInverse(value),
    YeoJohnsonInverse(value),
    QuantileInverse(value),
    Quantile(value),
    Within { least, most },
    Wave { amplitude, frequency, sine },
    Table { values, missing, other },
});
item!(Quantile { values, shares, normal });
item!(Dataflow { branches, outputs });
item!(Dates { parts, examples, lenient });
item!(HashKeys { keys, columns, signed });
item!(HashedKey { name, texts });
choice!(DatePart { Year, Month, Day, Weekday, DayOfYear, Hour, Minute, Second, EpochDays, EpochSeconds });
choice!(Function {
    Absolute,
    Cbrt,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log10,
    Log1p,
    Log2,
    Negative,
    Reciprocal,
    Sign,
    Sin,
    Cos,
    Tan,
    Tanh,
    Sqrt,
    Square,
    Floor,
    Ceil,
    Rint,
    Trunc,
    Sigmoid,
    Logit,
    Float32,
    Erf,
    Softplus,
    Relu,
    Truncate,
    IsMissing,
    Not,
    Whole,
    LogFrequency,
    Above(value),
});
choice!(Unknown {
    Error,
    Ignore,
    Infrequent,
    Code(value),
});
item!(Categories { values, codes, infrequent, width });
item!(OneHot { columns, unknown });
item!(Ordinal { columns, unknown, missing });
item!(Impute { marker, fill, indicators, refuse_missing });
item!(ImputeNearest { features, points, neighbours, inverse_distance, incomparable });
item!(PiecewiseLinear { x, y, missing_outside = false });
choice!(Step {
    Scale(value),
    Normalize(value),
    Elementwise(value),
    Curves(value),
    Products(value),
    Splines(value),
    Terms(value),
    Require(value),
    ImputeNearest(value),
    Represent(value),
    Convolve(value),
    Impute(value),
    OneHot(value),
    Ordinal(value),
    Codes(value),
    Dates(value),
    HashKeys(value),
    TargetStatistics(value),
    Parallel(value),
    Predict(value),
    Combine(value),
    Rowwise(value),
    Interpolate(value),
    Refine(value),
    Select(value),
    Project(value),
    MultiplyAdd(value),
    Dataflow(value),
    Zip(value),
    Reduce(value),
    Table(value),
    Choose,
});
item!(Accepts { missing, infinite });
item!(Normalize { norm, smallest });
choice!(Norm { L1, L2, Max });
item!(Branch { columns, steps, weight });
item!(Predict { fitted, answer });
choice!(Answer {
    Decision,
    Value,
    Label(value),
    Probability,
});
item!(Products { features, factors });
item!(Reduce { function, size });
choice!(Reduction {
    Sum,
    Mean,
    Product,
    Minimum,
    Maximum,
    AbsoluteSum,
    Norm,
    SquareSum,
    LogSum,
    LogSumExp,
    SmallestAt { last },
    LargestAt { last },
    Best { count, largest },
});
item!(Refinement { column, mask, inputs, steps, low, high });
item!(Representation { features, components, rule });
choice!(RepresentationRule {
    NonNegative(value),
    Topics(value),
    Sparse(value),
});
item!(NonNegative { solver, l1, l2, rounds, tolerance });
choice!(Solver {
    CoordinateDescent,
    Multiplicative { beta },
    MultiplicativeOnline { beta },
});
item!(Sparse { rule, positive, split_sign });
choice!(SparseRule {
    Threshold(value),
    Lasso { alpha, sweeps, tolerance },
    Pursuit(value),
    LeastAngle(value),
});
item!(Topics { prior, rounds, tolerance });
choice!(Rowwise { Centre, Proportions, Softmax, LogSoftmax });
item!(Scale { operations, range, centre });
choice!(Arithmetic {
    Subtract(value),
    Divide(value),
    Multiply(value),
    Add(value),
    Clip { low, high },
});
item!(Splines { columns, extrapolation, missing });
item!(Spline { degree, knots, coefficients, splines, outputs });
choice!(Extrapolation { Refuse, Constant, Linear, Continue, Periodic });
item!(TargetStatistics { numbers, categories, positions, tables });
item!(Positions { category, hashes });
item!(Table { parts, hashes, columns });
item!(Statistic { known, unknown });
choice!(Part {
    Category(value),
    Is { category, hash },
    Above { number, threshold, missing },
});
item!(Analysis { lowercase, accents, units, shortest, longest });
choice!(Accents { Keep, Ascii, Unicode });
choice!(Units {
    Words { pattern, stop_words },
    Characters,
    CharactersInWords,
});
item!(Terms { analysis, index, binary });
choice!(TermIndex {
    Vocabulary(value),
    Hashed { columns, signed },
});
item!(Zip { function, operands });
choice!(Operands {
    Columns,
    ConstantFirst(value),
    ConstantSecond(value),
});
choice!(Pairing {
    Add,
    Subtract,
    Multiply,
    Divide,
    Quotient,
    Remainder,
    Modulo,
    Power,
    Minimum,
    Maximum,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    And,
    Or,
    Xor,
});

/// A pattern is its text.
impl Code for TokenPattern {
    fn encode(&self, out: &mut Encoder) {
        out.text(self.as_str());
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        let text = String::decode(input)?;
        Self::parse(&text).map_err(|error| input.invalid("a token pattern", error))
    }
}
