"""Everything of Ascend: the runtime, the compiler, npu-smi, and what they say when they fail."""
