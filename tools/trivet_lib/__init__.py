# SPDX-License-Identifier: MIT
"""What the host commands of tools/ are made of.

errors       the two ways in which a call can fail
sizes        memory sizes in words and numbers
grub_config  the text of grub.cfg, and GRUB's quoting
iso          the bootable image, the same bytes for the same input
machine      what an engine has to boot, in words that no engine owns
engines      which engines are at hand, and their command lines
serial_log   the hypervisor's log: what it says of the end
runner       the emulator as a child process, and its serial lines
guest        the image for one guest
locked       work that two processes must not do at once
newc         the archive with Linux's first files
debian_package  Debian's packages, unpacked, not installed
linux_kernel  Debian's Linux kernel with its modules and headers
linux_guest  Linux as a guest: the kernel and its first files
linux_module  our module and program for Linux
kvm_reference  test guests on KVM in Bochs
command      the command line of tools/trivet
"""
