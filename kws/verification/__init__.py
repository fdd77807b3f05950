"""Is an exported file the detector that was evaluated? Every way of running it, compared."""

from kws.verification.comparison import Difference
from kws.verification.exported import ExportedFile
from kws.verification.verify import RecordingReport, Verifier, tolerance_of

__all__ = ["Difference", "ExportedFile", "RecordingReport", "Verifier", "tolerance_of"]
