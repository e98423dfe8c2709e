from .enumeration import solve_exact as solve_exact
from .search_tree import branch_and_bound as branch_and_bound
