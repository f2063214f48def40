//! Fitted models as plain data, and the predictor that evaluates them.
