"""`carport completion`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, gateways and VSS paths in a shell.

    \b
    Examples:
      carport completion bash >> ~/.bashrc
      carport completion zsh >> ~/.zshrc
      carport completion fish > ~/.config/fish/completions/carport.fish
    """
    root = click.get_current_context().find_root().command
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    click.echo(completion_class(root, {}, "carport", "_CARPORT_COMPLETE").source())
