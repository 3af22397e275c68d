"""The usual way to hear: ffmpeg as a process of its own, and PyTorch. Run by a Python that has it, which ours has not.

`python hearing_torch.py pretrained.pt`, told by lines of JSON as `beside.py` has them. Silero's voice activity detector
as its own package runs it, a window after the other; Resemblyzer's speaker encoder by PyTorch's own LSTM, all windows
of one length at once, on a spectrogram by PyTorch. Nothing of Earshot is imported.
"""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

RATE, WINDOW = 16_000, 512
FRAME, HOP, BANDS, WIDTH, LAYERS = 400, 160, 40, 256, 3

torch: Any = importlib.import_module("torch")


class Hearing:
    def __init__(self, weights: str) -> None:
        torch.set_num_threads(1)
        # Beside what it imports, which would be torchaudio as well.
        package = importlib.util.find_spec("silero_vad")
        data = Path((package and package.origin) or "silero_vad").with_name("data")
        self.detector = torch.jit.load(str(data / "silero_vad.jit"))
        state = torch.load(weights, map_location="cpu")["model_state"]
        self.lstm = torch.nn.LSTM(BANDS, WIDTH, LAYERS, batch_first=True)
        self.linear = torch.nn.Linear(WIDTH, WIDTH)
        for name, module in (("lstm", self.lstm), ("linear", self.linear)):
            module.load_state_dict(
                {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
            )
        self.filters = _mel_filters()

    def decode(self, file: str) -> None:
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", file, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
        raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        self.samples = torch.frombuffer(bytearray(raw), dtype=torch.float32)

    def voice(self) -> None:
        short = -len(self.samples) % WINDOW
        padded = torch.nn.functional.pad(self.samples, (0, short))
        self.detector.reset_states()
        self.likely = [self.detector(window, RATE).item() for window in padded.split(WINDOW)]

    def speakers(self, windows: list[tuple[int, int]]) -> None:
        spectrum = torch.stft(
            self.samples, FRAME, HOP, window=torch.hann_window(FRAME), pad_mode="constant", return_complex=True
        )
        mel = (spectrum.abs() ** 2).T @ self.filters
        self.prints: list[Any] = [None] * len(windows)
        by_length: dict[int, list[int]] = {}
        for index, (start, end) in enumerate(windows):
            by_length.setdefault(end - start, []).append(index)
        for indexes in by_length.values():
            batch = torch.stack([mel[windows[index][0] : windows[index][1]] for index in indexes])
            _, (held, _) = self.lstm(batch)
            raw = torch.relu(self.linear(held[-1]))
            unit = raw / torch.norm(raw, dim=1, keepdim=True)
            for index, one in zip(indexes, unit, strict=True):
                self.prints[index] = one

    def found(self, **_: Any) -> dict[str, Any]:
        prints = [one.tolist() for one in self.prints]
        return {"seconds": len(self.samples) / RATE, "likely": self.likely, "prints": prints}


def _mel_filters() -> Any:
    """Slaney's, of equal area; shape (201, 40)."""
    frequencies = torch.linspace(0, RATE / 2, FRAME // 2 + 1, dtype=torch.float64)
    # Linear in steps of 200/3 Hz up to 1 kHz, which is 15 of them; from there on each is a 27th of a factor of 6.4.
    step, knee, each = 200 / 3, 15.0, torch.log(torch.tensor(6.4, dtype=torch.float64)) / 27
    highest = knee + torch.log(torch.tensor(RATE / 2 / 1000.0, dtype=torch.float64)) / each
    mels = torch.linspace(0, float(highest), BANDS + 2, dtype=torch.float64)
    edges = torch.where(mels < knee, mels * step, 1000.0 * torch.exp((mels - knee) * each))
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies[:, None] - low) / (centre - low)
    falling = (high - frequencies[:, None]) / (high - centre)
    return (torch.clamp(torch.minimum(rising, falling), min=0) * 2 / (high - low)).float()


def main() -> None:
    hearing = Hearing(sys.argv[1])
    for line in sys.stdin:
        told = json.loads(line)
        try:
            with torch.inference_mode():
                answer = {"done": getattr(hearing, told["act"])(**told["given"])}
        except Exception as error:
            # Whoever told it wants to know, whatever it is.
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
