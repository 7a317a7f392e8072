"""The runtime's sessions: graphs for a simulated GPU are computed on the CPU, behind what a GPU asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulated_cuda import computing, engines, providers, state, words
from simulated_cuda.bindings import SessionIOBinding
from simulated_cuda.devices import Context
from simulated_cuda.providers import CPU, CUDA, TENSORRT
from simulated_cuda.tensors import OrtValue, OrtValueVector

RECORDED, NO_FALLBACK = "session.record_ep_graph_assignment_info", "session.disable_cpu_ep_fallback"
UNWAITED = "disable_synchronize_execution_providers"
COPIED = ("graph_optimization_level", "execution_mode", "intra_op_num_threads", "inter_op_num_threads", "log_severity_level",
          "use_deterministic_compute", "enable_mem_pattern")


@dataclass(frozen=True)
class Assigned:
    """Nodes of one provider, as the runtime tells them."""

    ep_name: str
    nodes: list[Any]

    def get_nodes(self) -> list[Any]:
        return self.nodes


def _left_under_way(options: Any) -> bool:
    try:
        return bool(options is not None and options.get_run_config_entry(UNWAITED) == "1")
    except RuntimeError:
        return False


def made_of(real: Any) -> Callable[..., Session]:
    """What makes sessions out of those of the installed runtime."""
    return lambda options, model, is_path, from_model=False: Session(real, options, model, is_path, from_model)


class Session:
    """A session; without a GPU's provider it is the installed runtime's and nothing else."""

    def __init__(self, real: Any, options: Any, model: str | bytes, is_path: bool, from_model: bool) -> None:
        self._real, self._options, self._model, self._is_path, self._from_model = real, options, model, is_path, from_model
        self.context: Context | None = None
        self._arena = self._weights = 0
        self._registered: dict[str, dict[str, str]] = {}

    def __getattr__(self, name: str) -> Any:
        if name == "_session":
            raise AttributeError("the session is not initialised")
        return getattr(self._session, name)

    def initialize_session(self, names: list[str], options: list[dict[str, str]], disabled: set[str]) -> None:
        """Register the providers in their order; what none of the GPU's can be had for falls to the CPU."""
        try:
            self._initialize(names, options, disabled)
        except computing.Failed as error:
            raise error.raised_by(self._real) from None

    def _initialize(self, names: list[str], options: list[dict[str, str]], disabled: set[str]) -> None:
        for name, asked in zip(names, options, strict=True):
            if name not in providers.available():
                raise RuntimeError(f"Unknown Provider Type: {name}")
            found = {CUDA: providers.cuda, TENSORRT: providers.tensorrt}[name](asked) if name != CPU else None
            if found:
                self.context, self._registered[name] = self.context or found[0], found[1]
        model = self._model
        if self.context and TENSORRT in self._registered:
            model = engines.brought(self.context.gpu, model, self._registered[TENSORRT])
        self._session = self._real.InferenceSession(self._on_cpu() if self.context else self._options, model, isinstance(model, str),
                                                    self._from_model)
        usual = [CPU] if self.context or CPU in names else []
        self._session.initialize_session(usual, [{}] * len(usual), disabled)
        if self.context:
            self._load(self.context, names)

    def _on_cpu(self) -> Any:
        """The options of the session that computes: the caller's, but that the nodes are always recorded."""
        options = self._real.SessionOptions()
        for name in COPIED:
            setattr(options, name, getattr(self._options, name))
        options.add_session_config_entry(RECORDED, "1")
        return options

    def _load(self, context: Context, names: list[str]) -> None:
        if self._asked(NO_FALLBACK) and CPU in names:
            raise computing.Failed("Conflicting session configuration: explicitly added the CPU EP to the session, but also disabled "
                                   "fallback to the CPU EP via session configuration options.")
        if self._asked(NO_FALLBACK) and any(group.ep_name == CPU for group in self._assignment()):
            raise computing.Failed("This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP "
                                   "has been explicitly disabled by the user.", "Fail")
        if state.due("load", context.gpu):
            raise computing.Failed("Exception during initialization: the simulated GPU refuses it", "RuntimeException")
        wanted = (1 << 50) if state.due("oom", context.gpu, self._batch(), at="load") else computing.size_of(self._model)
        try:
            context.take(wanted)
        except RuntimeError as error:
            raise computing.Failed(f"Exception during initialization: {error}", "RuntimeException") from None
        self._weights = wanted

    def __del__(self) -> None:
        if self.__dict__.get("context"):
            with contextlib.suppress(RuntimeError):
                self.context.give(self._weights + self._arena)

    def _batch(self) -> int | None:
        shape = self._session.inputs_meta[0].shape
        return shape[0] if shape and isinstance(shape[0], int) else None

    def _asked(self, key: str) -> bool:
        try:
            return self._options.get_session_config_entry(key) == "1"
        except RuntimeError:
            return False

    @property
    def session_options(self) -> Any:
        return self._options if self.context else self._session.session_options

    def get_providers(self) -> list[str]:
        return [*self._registered, CPU]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {**self._registered, CPU: {}}

    def get_provider_graph_assignment_info(self) -> list[Any]:
        """Which provider has which nodes, where the options asked that it be recorded."""
        if self.context is None:
            return self._session.get_provider_graph_assignment_info()
        if not self._asked(RECORDED):
            raise computing.Failed(f"1Session configuration entry '{RECORDED}' must be set to \"1\" to retrieve EP graph assignment "
                                   "information.", "Fail").raised_by(self._real)
        return self._assignment()

    def _assignment(self) -> list[Assigned]:
        left = state.read()["on_cpu"]
        nodes = [node for group in self._session.get_provider_graph_assignment_info() for node in group.get_nodes()]
        on_cpu = [node for node in nodes if node.op_type in left or node.name in left]
        ours = [node for node in nodes if node not in on_cpu]
        return [Assigned(name, group) for name, group in ((next(iter(self._registered)), ours), (CPU, on_cpu)) if group]

    def wait(self) -> None:
        """Wait until all that was queued is done."""
        if self.context:
            self.context.stream.wait()
            self.context.require_alive()

    def run(self, names: list[str], feeds: Mapping[str, Any], options: Any = None) -> list[Any]:
        """Copy there, run, wait and copy back."""
        if self.context is None:
            return self._session.run(names, {name: getattr(one, "array", one) for name, one in feeds.items()}, options)
        context, values = self.context, {name: OrtValue(np.asarray(getattr(one, "array", one))) for name, one in feeds.items()}
        try:
            results = self._launch(context, values, dict.fromkeys(names, context))
        except computing.Failed as error:
            raise error.raised_by(self._real) from None
        self.wait()
        return [np.array(results[name].array) for name in names]

    def run_with_ort_values(self, feeds: Mapping[str, OrtValue], names: list[str], options: Any = None) -> OrtValueVector:
        return OrtValueVector(OrtValue(array) for array in self.run(names, feeds, options))

    def run_with_iobinding(self, binding: SessionIOBinding, options: Any = None) -> None:
        """Run, and wait, unless the options say not to: then the outputs have to be waited for."""
        try:
            if not binding.outputs:
                raise computing.Failed("At least one output should be requested.")
            binding.results = self._launch(self.context, binding.inputs, binding.outputs)
        except computing.Failed as error:
            raise RuntimeError(f"Error in execution: {error}") from None
        if not _left_under_way(options):
            self.wait()

    def _launch(self, context: Context | None, feeds: Mapping[str, OrtValue], outputs: Mapping[str, Any]) -> dict[str, OrtValue]:
        for node in self._session.inputs_meta:
            computing.require_fitting(node, feeds.get(node.name), context, "input")
        if context and providers.CUDNN in state.read()["missing"] and self._convolves():
            raise computing.Failed(words.node_failed(f"dlopen failed for {providers.CUDNN}: {words.absent(providers.CUDNN)}"), "EPFail")
        results = {}
        for node in self._session.outputs_meta:
            if node.name in outputs:
                given = outputs[node.name]
                results[node.name] = given if isinstance(given, OrtValue) else computing.room_for(node, feeds, given)
                computing.require_fitting(node, results[node.name], context, "output")
        plan = computing.Plan(self._session, dict(feeds), results, self._registered.get(CUDA, {}), context)
        if context is None:
            plan.compute()
        else:
            self._require_room(context, feeds, results)
            context.stream.queue(plan.due(context, self._batch()))
        return results

    def _convolves(self) -> bool:
        return any("Conv" in node.op_type for group in self._session.get_provider_graph_assignment_info() for node in group.get_nodes())

    def _require_room(self, context: Context, feeds: Mapping[str, OrtValue], results: Mapping[str, OrtValue]) -> None:
        """Let the arena grow to what the activations of this run take; it is kept."""
        wanted = state.read()["arena_factor"] * sum(value.array.nbytes for value in (*feeds.values(), *results.values()))
        if state.due("oom", context.gpu, self._batch(), at="run"):
            wanted = 1 << 50
        try:
            context.take(max(0, wanted - self._arena))
        except RuntimeError as error:
            raise computing.Failed(words.node_failed(str(error)), "RuntimeException") from None
        self._arena = max(self._arena, wanted)
