/* A module of OpenIPMI's ipmi_sim: power and boot device of the chassis in memory, so that no shell is forked. */
#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>
#include <errno.h>
#include <stdio.h>

static unsigned char power, boot;

static int set(lmc_data_t *mc, int op, unsigned char *value, void *data)
{
    (void)mc, (void)data;
    switch (op) {
    case CHASSIS_CONTROL_POWER: power = *value; return 0;
    case CHASSIS_CONTROL_BOOT: boot = *value; return 0;
    case CHASSIS_CONTROL_GRACEFUL_SHUTDOWN: power = 0; return 0;
    case CHASSIS_CONTROL_RESET:
    case CHASSIS_CONTROL_BOOT_INFO_ACK: return 0;
    default: return EINVAL;
    }
}

static int get(lmc_data_t *mc, int op, unsigned char *value, void *data)
{
    (void)mc, (void)data;
    switch (op) {
    case CHASSIS_CONTROL_POWER: *value = power; return 0;
    case CHASSIS_CONTROL_BOOT: *value = boot; return 0;
    default: return EINVAL;
    }
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
    (void)sys, (void)options;
    puts("power and boot device in memory");
    return 0;
}

/* The option "on" begins with the power on. */
int ipmi_sim_module_init(sys_data_t *sys, const char *options)
{
    power = options && options[0] == 'o' && options[1] == 'n';
    ipmi_mc_set_chassis_control_func(sys->mc, set, get, NULL);
    return 0;
}
