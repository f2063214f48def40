//! The operators that are known.

use super::call::Call;
use super::value::Value;
use super::{Result, arithmetic, encode, ensemble, linear, reduce, reshape, scan, support, tree_ensemble};

/// A function that lowers a node of one operator.
pub(super) type Operator = fn(&mut Call<'_, '_>) -> Result<Vec<Value>>;

/// Operators, and the function that lowers their nodes.
type Table = &'static [(&'static [&'static str], Operator)];

/// The domains whose operators are known.
const DOMAINS: [(&str, Table); 2] = [("", STANDARD), ("ai.onnx.ml", CLASSICAL)];

/// The function of an operator.
pub(super) fn operator(domain: &str, name: &str) -> Option<Operator> {
    let (_, table) = DOMAINS.iter().find(|(known, _)| *known == domain)?;
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, operator)| *operator)
}

/// The names of the operators of each domain that are known, in alphabetical order.
pub(crate) fn supported_operators() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    DOMAINS.iter().map(|(domain, table)| {
        let mut names: Vec<_> = table.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        names.sort_unstable_by_key(|name| name.to_lowercase());
        (if domain.is_empty() { "ai.onnx" } else { *domain }, names)
    })
}

/// Operators of ONNX itself.
const STANDARD: Table = &[
    (
        &[
            "Abs",
            "Neg",
            "Exp",
            "Log",
            "Sqrt",
            "Reciprocal",
            "Sign",
            "Sin",
            "Cos",
            "Tan",
            "Tanh",
            "Floor",
            "Ceil",
            "Round",
            "Sigmoid",
            "Softplus",
            "Relu",
            "Erf",
            "IsNaN",
            "Not",
        ],
        arithmetic::unary,
    ),
    (
        &[
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Mod",
            "Pow",
            "Min",
            "Max",
            "Sum",
            "Mean",
            "Greater",
            "GreaterOrEqual",
            "Less",
            "LessOrEqual",
            "Equal",
            "And",
            "Or",
            "Xor",
        ],
        arithmetic::binary,
    ),
    (&["Where"], arithmetic::choose),
    (&["LeakyRelu", "PRelu", "Elu", "Selu"], arithmetic::piecewise),
    (&["Clip", "HardSigmoid"], arithmetic::clip),
    (&["Gelu"], arithmetic::gelu),
    (&["Cast"], arithmetic::cast),
    (&["Identity", "Dropout"], reshape::identity),
    (&["Constant"], reshape::constant),
    (&["Shape"], reshape::shape),
    (&["ConstantOfShape"], reshape::constant_of_shape),
    (&["Reshape", "Flatten"], reshape::reshape),
    (&["Transpose"], reshape::transpose),
    (&["Unsqueeze", "Squeeze"], reshape::squeeze),
    (&["Concat"], reshape::concat),
    (&["Gather"], reshape::gather),
    (&["Slice"], reshape::slice),
    (&["Split"], reshape::split),
    (&["Expand"], reshape::expand),
    (
        &[
            "ReduceSum",
            "ReduceMean",
            "ReduceProd",
            "ReduceMin",
            "ReduceMax",
            "ReduceL1",
            "ReduceL2",
            "ReduceSumSquare",
            "ReduceLogSum",
            "ReduceLogSumExp",
        ],
        reduce::reduce,
    ),
    (&["ArgMax", "ArgMin"], reduce::best_at),
    (&["TopK"], reduce::top),
    (&["Softmax", "LogSoftmax"], reduce::softmax),
    (&["MatMul"], linear::product),
    (&["Gemm"], linear::general_product),
    (&["Scan"], scan::scan),
    (&["BatchNormalization"], linear::batch_normalization),
];

/// Operators of classical machine learning.
const CLASSICAL: Table = &[
    (&["LinearClassifier"], linear::classifier),
    (&["LinearRegressor"], linear::regressor),
    (&["TreeEnsembleClassifier"], ensemble::classifier),
    (&["TreeEnsembleRegressor"], ensemble::regressor),
    (&["TreeEnsemble"], tree_ensemble::sums),
    (&["DictVectorizer"], encode::dict_vectorizer),
    (&["SVMClassifier"], support::classifier),
    (&["SVMRegressor"], support::regressor),
    (&["Scaler"], encode::scaler),
    (&["Normalizer"], reduce::normalizer),
    (&["Imputer"], encode::imputer),
    (&["Binarizer"], encode::binarizer),
    (&["OneHotEncoder"], encode::one_hot),
    (&["LabelEncoder"], encode::label_encoder),
    (&["CategoryMapper"], encode::category_mapper),
    (&["ArrayFeatureExtractor"], encode::array_feature_extractor),
    (&["FeatureVectorizer"], encode::feature_vectorizer),
    (&["ZipMap"], encode::zip_map),
];
