"""Is an exported file the detector that was evaluated? Every way of running it, compared."""

from kws.verification.comparison import Difference, Tolerance, worst
from kws.verification.exported import ExportedFile
from kws.verification.verify import RecordingReport, Verifier

__all__ = ["Difference", "ExportedFile", "RecordingReport", "Tolerance", "Verifier", "worst"]
