//! Schema of a model's input, batches of rows, and predictions: the plain data every other crate speaks.
