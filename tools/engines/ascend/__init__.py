"""Everything of Ascend: the runtime, the compiler, npu-smi, and what their failures mean."""
