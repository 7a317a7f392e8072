"""Everything of NVIDIA's GPUs: their nodes, NVML, ONNX Runtime's providers, and what their failures mean."""
