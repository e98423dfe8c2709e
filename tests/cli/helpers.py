"""Run the command line in this process."""

from typer.testing import CliRunner

from annealcam.cli.main import app

RUNNER = CliRunner()


def run(*arguments, code=0, **options):
    """Run a command; it must end with that code and without a traceback."""
    result = RUNNER.invoke(app, [str(argument) for argument in arguments], **options)
    assert result.exit_code == code, result.output or result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result


def skip_report_picture(monkeypatch):
    """Replace report.png by an empty file: drawing it takes most of the time of `explain`."""
    monkeypatch.setattr("annealcam.render.folder.save_report", lambda _, __, path: path.touch())
