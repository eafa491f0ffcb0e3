"""The node's side of permits: who may use what now, worked out again whenever anything changes.

Promises: nobody may use anything that this node's own body did not grant by its own key, in a case that names them;
whatever is missing (terms, training, standing, organisation) means no; what a permit's end took away, no later word of
that permit gives back.
"""
