"""Show steps as they go: a spinner each on a terminal, a line each when done elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from local.startup_steps import StepTime


class ProgressDisplay:
    """Show steps on a console for as long as the block lasts."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(finished_text="[green]✓[/]"), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._console = console
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "ProgressDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._progress.stop()

    def on_start(self, step: str) -> None:
        self._tasks[step] = self._progress.add_task(step, total=1)

    def on_end(self, step: str, time: StepTime) -> None:
        self._progress.update(self._tasks[step], completed=1)
        if not self._console.is_terminal:
            self._console.print(f"✓ {time.end - time.start:5.1f} s  {step}")
