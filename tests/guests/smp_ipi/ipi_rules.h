/* SPDX-License-Identifier: MIT */
#ifndef SMP_IPI_IPI_RULES_H
#define SMP_IPI_IPI_RULES_H

/* In the mode in which all APICs are: who gets what, by every kind of destination. */
void ipi_check_destinations(void);

/* What a processor does with what came while its IF was clear. */
void ipi_check_pending(void);

/* Each processor sends its neighbour `rounds` interrupts, one when the last has come. */
void ipi_check_storm(unsigned rounds);

#endif
