/* SPDX-License-Identifier: MIT */
/*
 * What every guest has besides its processors (vm/acpi_processors.c): no PCI, and the devices of an
 * old PC that are there. Source of the words: ACPI Specification 6.4, "ACPI Source Language (ASL)
 * Reference".
 */
DefinitionBlock ("", "DSDT", 2, "TRIVET", "TRIVETVM", 1)
{
	/* Power-off: SLP_TYP is 0 for PM1a, as on a PIIX4, and there is no PM1b. */
	Name (\_S5, Package (4) { 0, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PIC)
		{
			Name (_HID, EisaId ("PNP0000"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x20, 0x20, 1, 2)
				IO (Decode16, 0xA0, 0xA0, 1, 2)
				IO (Decode16, 0x4D0, 0x4D0, 1, 2)
				IRQNoFlags () { 2 }
			})
		}

		Device (TIMR)
		{
			Name (_HID, EisaId ("PNP0100"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x40, 0x40, 1, 4)
				IRQNoFlags () { 0 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x70, 0x70, 1, 2)
				IRQNoFlags () { 8 }
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x3F8, 0x3F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}
	}
}
