"""What recorded VSS paths mean, in a sentence each; Carport's own words."""

_DESCRIPTIONS = {
    "Vehicle.Cabin.HVAC.AmbientAirTemperature": "Temperature of the air in the cabin",
    "Vehicle.Cabin.HVAC.IsAirConditioningActive": "Whether the air is being cooled",
    "Vehicle.Cabin.HVAC.IsFrontDefrosterActive": "Whether the windscreen is being defrosted",
    "Vehicle.Cabin.HVAC.IsOn": "Whether the climate control runs",
    "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed": "Speed of the fan",
    "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": "Temperature that the driver has set",
    "Vehicle.Cabin.HVAC.Station.Row1.Passenger.Temperature": (
        "Temperature that the front passenger has set"
    ),
    "Vehicle.Cabin.Seat.Row1.DriverSide.HeatingCooling": (
        "Heating (above 0) or cooling (below 0) of the driver's seat"
    ),
    "Vehicle.Cabin.Seat.Row1.PassengerSide.HeatingCooling": (
        "Heating (above 0) or cooling (below 0) of the front passenger's seat"
    ),
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure": "Pressure of the front left tyre",
    "Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure": "Pressure of the front right tyre",
    "Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Pressure": "Pressure of the rear left tyre",
    "Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Pressure": "Pressure of the rear right tyre",
    "Vehicle.Chassis.ParkingBrake.IsEngaged": "Whether the parking brake is on",
    "Vehicle.CurrentLocation.Latitude": "Latitude, WGS 84, north is positive",
    "Vehicle.CurrentLocation.Longitude": "Longitude, WGS 84, east is positive",
    "Vehicle.Exterior.AirTemperature": "Temperature of the air outside",
    "Vehicle.LowVoltageSystemState": "Ignition: OFF, ACC (accessories) or ON",
    "Vehicle.Powertrain.TractionBattery.CurrentCurrent": (
        "Current of the traction battery, with the sign that the car gives it"
    ),
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": "Charge of the traction battery",
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed": (
        "Charge of the traction battery as the car shows it"
    ),
    "Vehicle.Powertrain.Transmission.CurrentGear": (
        "Gear: 0 is neutral, or park if the park lock is engaged; -1 is reverse"
    ),
    "Vehicle.Powertrain.Transmission.IsParkLockEngaged": "Whether the gear selector is in park",
    "Vehicle.Speed": "Speed of the car",
    "Vehicle.TraveledDistance": "Odometer",
}


def description_of(path: str) -> str:
    """Return what a path means; of one that is not known here, the path itself says it."""
    return _DESCRIPTIONS.get(path, f"{path}, as the COVESA Vehicle Signal Specification has it")
