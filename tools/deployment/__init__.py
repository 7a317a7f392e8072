"""From weights to what a device loads: checkpoints, ONNX, ONNX of a batch size, compiled models."""
