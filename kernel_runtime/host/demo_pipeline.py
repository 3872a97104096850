"""The demo: simulated EEG, cleaned up step by step, in three processes."""

from __future__ import annotations

from typing import Any

import ezmsg.core as ez
from ezmsg.sigproc.affinetransform import CommonRereference, CommonRereferenceSettings
from ezmsg.sigproc.butterworthfilter import ButterworthFilter, ButterworthFilterSettings
from ezmsg.sigproc.downsample import Downsample, DownsampleSettings
from ezmsg.sigproc.scaler import AdaptiveStandardScaler, AdaptiveStandardScalerSettings
from ezmsg.sigproc.slicer import Slicer, SlicerSettings
from ezmsg.simbiophys.eeg import EEGSynth, EEGSynthSettings
from ezmsg.util.messages.axisarray import AxisArray

SAMPLE_RATE_HZ = 2000.0
CHANNELS = 64
SAMPLES_PER_BLOCK = 40


class MessageCounterSettings(ez.Settings):
    report_every: int = 500
    """Say how many messages came after each so many; 0 for never."""


class MessageCounterState(ez.State):
    count: int = 0


class MessageCounter(ez.Unit):
    """The end of the line: counts blocks and says so now and then."""

    SETTINGS = MessageCounterSettings
    STATE = MessageCounterState

    INPUT_SETTINGS = ez.InputStream(MessageCounterSettings)
    INPUT_SIGNAL = ez.InputStream(AxisArray)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: MessageCounterSettings) -> None:
        self.apply_settings(settings)

    @ez.subscriber(INPUT_SIGNAL)
    async def on_signal(self, message: AxisArray) -> None:
        if self.STATE.count == 0:
            shape = " x ".join(
                f"{size} {dim}" for dim, size in zip(message.dims, message.data.shape, strict=True)
            )
            print(f"first block: {shape}")
        self.STATE.count += 1
        every = self.SETTINGS.report_every
        if every > 0 and self.STATE.count % every == 0:
            print(f"{self.STATE.count} blocks")


def build() -> dict[str, Any]:
    """Return the arguments of ``ezmsg.core.run`` for the demo."""
    ecog = EEGSynth(
        EEGSynthSettings(
            fs=SAMPLE_RATE_HZ, n_time=SAMPLES_PER_BLOCK, n_ch=CHANNELS, alpha_freq=10.5
        )
    )
    slicer = Slicer(SlicerSettings(selection="0:32", axis="ch"))
    low_pass = ButterworthFilter(
        ButterworthFilterSettings(coef_type="sos", order=4, cutoff=40.0, wn_hz=True)
    )
    downsample = Downsample(DownsampleSettings(target_rate=250.0))
    reference = CommonRereference(CommonRereferenceSettings(mode="mean", axis="ch"))
    z_score = AdaptiveStandardScaler(AdaptiveStandardScalerSettings(time_constant=5.0))
    sink = MessageCounter(MessageCounterSettings())
    return {
        "components": {
            "ECOG": ecog,
            "SLICE": slicer,
            "LP": low_pass,
            "DOWNSAMPLE": downsample,
            "CAR": reference,
            "ZSCORE": z_score,
            "SINK": sink,
        },
        "connections": (
            (ecog.OUTPUT_SIGNAL, slicer.INPUT_SIGNAL),
            (slicer.OUTPUT_SIGNAL, low_pass.INPUT_SIGNAL),
            (low_pass.OUTPUT_SIGNAL, downsample.INPUT_SIGNAL),
            (downsample.OUTPUT_SIGNAL, reference.INPUT_SIGNAL),
            (reference.OUTPUT_SIGNAL, z_score.INPUT_SIGNAL),
            (z_score.OUTPUT_SIGNAL, sink.INPUT_SIGNAL),
        ),
        "process_components": (ecog, sink),
    }
