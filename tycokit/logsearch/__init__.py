"""What stages printed, to be searched: lines with their level, filters, an index that follows."""
