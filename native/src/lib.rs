//! N-API glue only: no `if` about Redis lives here.
