"""Rules that no YANG model of SONiC has, each for one switch. Standard library only: the lab switch keeps them too."""
