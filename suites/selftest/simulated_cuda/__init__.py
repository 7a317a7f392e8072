"""Stand-ins for a host with NVIDIA GPUs: ONNX Runtime, NVML and TensorRT; nothing here is a device."""
