"""`python -m scaffold`: the same commands without the app, for when it does not start."""

import click

from scaffold.commands import new_group, remove_group

main = click.Group("scaffold", commands=[new_group, remove_group])

if __name__ == "__main__":
    main()
