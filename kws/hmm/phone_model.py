"""A monophone hidden Markov model: phones, their states and transitions (on kaldi-hmm-gmm)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.hmm.packages import kaldi_package

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]
_LEAST_LEAVING = 1e-10  # Kaldi's, of a state that is never left


class PhoneModel:
    """The phones' states, and the transitions between them with their probabilities.

    A path is written as Kaldi does: one transition id per frame, where a state's way out stands
    before its loops ("reordered"). Every state of every phone has an output (pdf) of its own.

    Attributes:
        topology: Kaldi's text.
        transitions, tree: kaldi-hmm-gmm's objects.
        log_probs: (I + 1,) by transition id, from 0, which stands for none.
        pdfs: (I + 1,) the output that each transition id belongs to, -1 of id 0.
        phone_of: (I + 1,) its phone, 0 of id 0.
        starts: (I + 1,) whether it is the first of a phone.
    """

    def __init__(self, topology: str, log_probs: Floats | None = None) -> None:
        """
        Args:
            topology: Kaldi's text, from `topology_text` or a file.
            log_probs: as the attribute; None: those of the topology.

        Raises:
            InputError: there are not as many probabilities as transitions.
        """
        khg = kaldi_package("kaldi_hmm_gmm")
        self.topology = topology
        topo = khg.HmmTopology()
        try:
            topo.read(topology)
            self.tree = khg.monophone_context_dependency(
                topo.phones, topo.get_phone_to_num_pdf_classes()
            )
            self.transitions = khg.TransitionModel(self.tree, topo)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].removeprefix("[E] ")
            raise InputError(
                f"a topology that cannot be used ({reason}); make it with Kaldi's gen_topo.pl"
            ) from None
        ids = range(1, self.num_transitions + 1)
        transitions = self.transitions
        self.pdfs: Ints = np.array([-1, *map(transitions.transition_id_to_pdf, ids)], np.int32)
        self.phone_of: Ints = np.array([0, *map(transitions.transition_id_to_phone, ids)], np.int32)
        self.loops = np.array([False, *map(transitions.is_self_loop, ids)])
        in_first_state = map(transitions.transition_ids_is_start_of_phone, ids)
        self.starts = np.array([False, *in_first_state]) & ~self.loops
        if log_probs is not None:
            self._set_log_probs(log_probs)

    @property
    def num_transitions(self) -> int:
        return int(self.transitions.num_transition_ids)

    @property
    def num_pdfs(self) -> int:
        return int(self.transitions.num_pdfs)

    @property
    def log_probs(self) -> Floats:
        return np.array(self.transitions.log_probs, dtype=np.float32)

    @property
    def tuples(self) -> tuple[tuple[int, int, int], ...]:
        """(phone, state, pdf) of every transition state, in Kaldi's order."""
        rows = (row.__getstate__() for row in self.transitions.tuples)
        return tuple((phone, state, pdf) for phone, state, pdf, _ in rows)

    def updated(self, counts: npt.NDArray[np.float64]) -> PhoneModel:
        """The model whose transition probabilities fit `counts`, (I + 1,), best.

        Kaldi's update: shares of a state that was seen less than 5 times stay, none is under 0.01.
        """
        khg = kaldi_package("kaldi_hmm_gmm")
        model = PhoneModel(self.topology, self.log_probs)
        model.transitions.mle_update(counts, khg.MleTransitionUpdateConfig())
        # made anew, so that a model from a file goes on exactly as the one that was written
        return PhoneModel(self.topology, model.log_probs)

    def counts(self, path: Ints) -> npt.NDArray[np.float64]:
        """How often each transition id stands in a path (T,): (I + 1,)."""
        return np.bincount(path, minlength=self.num_transitions + 1).astype(np.float64)

    def segments(self, path: Ints) -> list[tuple[int, int, int]]:
        """The phones of a path (T,): phone, first frame, the frame after the last."""
        firsts = np.union1d([0], np.flatnonzero(self.starts[path]))
        ends = [*firsts[1:].tolist(), len(path)]
        phones = self.phone_of[path[firsts]].tolist()
        return list(zip(phones, firsts.tolist(), ends, strict=True))

    def expand(self, log_likelihoods: Floats) -> npt.NDArray[np.float32]:
        """The likelihoods (T, P) of the outputs as a matrix of transition ids 1, 2, ...: (T, I).

        Raises:
            InputError: P is not the number of outputs, or a likelihood is no number.
        """
        if log_likelihoods.ndim != 2 or log_likelihoods.shape[1] != self.num_pdfs:
            raise InputError(
                f"a matrix of {log_likelihoods.shape[-1]} columns, but the model has "
                f"{self.num_pdfs} outputs; give one column per output"
            )
        # a search compares costs for ever where one is no number
        if np.isnan(log_likelihoods).any() or (log_likelihoods == np.inf).any():
            raise InputError("log-likelihoods that are no numbers; compute them again")
        return np.ascontiguousarray(log_likelihoods[:, self.pdfs[1:]], dtype=np.float32)

    def tree_bytes(self) -> bytes:
        """The content of Kaldi's file `tree`, binary."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tree"
            self.tree.write(True, str(path))
            return path.read_bytes()

    def _set_log_probs(self, log_probs: Floats) -> None:
        khg = kaldi_package("kaldi_hmm_gmm")
        if len(log_probs) != self.num_transitions + 1:
            raise InputError(
                f"{len(log_probs)} transition probabilities, but the topology has "
                f"{self.num_transitions} transitions; give the topology they belong to"
            )
        state: list[Any] = list(self.transitions.__getstate__())
        # its last two: the probabilities, and per transition state that of not looping
        state[6] = np.asarray(log_probs, np.float32).tolist()
        leaving = np.zeros(self.transitions.num_transition_states + 1)
        loops = np.flatnonzero(self.loops)
        left = np.maximum(1 - np.exp(np.asarray(log_probs, np.float64)[loops]), _LEAST_LEAVING)
        leaving[np.array(self.transitions.id2state)[loops]] = np.log(left)
        state[7] = leaving.astype(np.float32).tolist()
        transitions = khg.TransitionModel.__new__(khg.TransitionModel)
        transitions.__setstate__(tuple(state))
        self.transitions = transitions
