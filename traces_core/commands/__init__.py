"""The command line: `main` puts the commands together, each other module holds those of one subject.

Reading arguments and printing belong here; what a command does is in the packages it calls.
Nothing is imported here: a command imports what it uses when it is called.
"""
