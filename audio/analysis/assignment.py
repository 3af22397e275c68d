"""Which goes with which, one to one, for the greatest sum."""

import numpy as np
from numpy.typing import NDArray


def assignment(gains: NDArray[np.float64]) -> list[tuple[int, int]]:
    """(row, column) of each pair, so that the sum of their `gains`, of shape (rows, columns), is the greatest.

    Every row has a partner, or every column where there are fewer. The Hungarian method with potentials: exact, in
    rows² · columns.
    """
    if gains.shape[0] > gains.shape[1]:
        return sorted((row, column) for column, row in assignment(gains.T))
    rows, columns = gains.shape
    # Row and column 0 stand for "none yet".
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    partner = np.zeros(columns + 1, dtype=int)
    for row in range(1, rows + 1):
        partner[0] = row
        column = 0
        slack = np.full(columns + 1, np.inf)
        came_from = np.zeros(columns + 1, dtype=int)
        seen = np.zeros(columns + 1, dtype=bool)
        while partner[column]:
            seen[column] = True
            costs = -gains[partner[column] - 1] - row_price[partner[column]] - column_price[1:]
            nearer = ~seen[1:] & (costs < slack[1:])
            slack[1:][nearer] = costs[nearer]
            came_from[1:][nearer] = column
            following = int(np.argmin(np.where(seen, np.inf, slack)))
            step = slack[following]
            row_price[partner[seen]] += step
            column_price[seen] -= step
            slack[~seen] -= step
            column = following
        while column:
            partner[column] = partner[came_from[column]]
            column = int(came_from[column])
    return sorted((int(row) - 1, column) for column, row in enumerate(partner[1:]) if row)
